"""Time of the finder at CogVideoX's size, compared with the paper's literal loop and with one read of the inputs.

Run: python benchmarks/finder_speed.py
"""

from __future__ import annotations

import torch
from timing import compare_times, measure_peak_bytes, print_table

from richspace_core import OptimalInterpolation, TextEmbedding, find_optimal
from richspace_core.paper import optimal_finder

TOKENS, WIDTH, STEPS, COUNTS = 226, 4096, 30, (17, 17, 26)


def make_prompts(dtype: torch.dtype, device: str) -> list[TextEmbedding]:
    """Make A, B and a guide that are as similar as the prompts of a mixture: a common part plus three smaller ones."""
    generator = torch.Generator().manual_seed(0)
    common, *parts = torch.randn(4, TOKENS, WIDTH, generator=generator)
    values = [common + 0.5 * parts[0], common + 0.5 * parts[1], common + 0.25 * (parts[0] + parts[1]) + 0.3 * parts[2]]
    return [TextEmbedding(v.to(device, dtype), n) for v, n in zip(values, COUNTS, strict=True)]


def measure_row(dtype: torch.dtype, device: str, rounds: int) -> tuple[str, ...]:
    """Measure one row of the table."""
    prompts = make_prompts(dtype, device)
    values = [prompt.values for prompt in prompts]
    wide = [v.float() for v in values]

    def choose() -> OptimalInterpolation:
        return find_optimal(*prompts, steps=STEPS)

    def choose_and_mix() -> object:
        return choose().embedding

    def literal() -> object:
        return optimal_finder(*wide, *COUNTS, k=STEPS)  # in bfloat16 it would choose the wrong candidate

    def read() -> object:
        return [v.sum() for v in values]

    finding, both, loop, one_read = compare_times(choose, choose_and_mix, literal, read, rounds=rounds, in_a_row=5)
    extra = measure_peak_bytes(choose) if device == "cpu" else 0
    exact = optimal_finder(*(v.double() for v in values), *COUNTS, k=STEPS).i_opt
    same = choose().index == exact
    size = values[0].numel() * values[0].element_size()
    return (
        str(dtype).removeprefix("torch."),
        f"{finding * 1e3:.2f} ms",
        f"{loop / finding:.0f} x",
        f"{finding / one_read:.1f} x",
        f"{both * 1e3:.2f} ms",
        f"{loop / both:.0f} x",
        f"{extra / size:.2f}" if extra else "-",
        "yes" if same else "NO",
    )


def main(device: str = "cpu", rounds: int = 8) -> None:
    """Print the table."""
    torch.set_num_threads(1)
    header = (
        "input",
        "finding",
        "literal loop / finding",
        "finding / one read",
        "finding and mixing",
        "literal loop / both",
        "peak / one embedding",
        "float64 loop agrees",
    )
    rows = [measure_row(dtype, device, rounds) for dtype in (torch.float32, torch.bfloat16)]
    print_table(f"Finder, {TOKENS} x {WIDTH}, k = {STEPS}, {device}, one thread", header, rows)


if __name__ == "__main__":
    main()
