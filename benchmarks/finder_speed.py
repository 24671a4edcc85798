"""The finder at CogVideoX's size against the paper's literal loop, and against one read of its inputs.

Run: python benchmarks/finder_speed.py
"""

from __future__ import annotations

import torch
from timing import compare, peak_bytes, print_table

from richspace_core import OptimalInterpolation, TextEmbedding, find_optimal
from richspace_core.paper import optimal_finder

TOKENS, WIDTH, STEPS, COUNTS = 226, 4096, 30, (17, 17, 26)


def make_prompts(dtype: torch.dtype, device: str) -> list[TextEmbedding]:
    """A, B and a guide as far apart as the prompts of a mixture are: one common part, three small ones."""
    generator = torch.Generator().manual_seed(0)
    common, *parts = torch.randn(4, TOKENS, WIDTH, generator=generator)
    values = [common + 0.5 * parts[0], common + 0.5 * parts[1], common + 0.25 * (parts[0] + parts[1]) + 0.3 * parts[2]]
    return [TextEmbedding(v.to(device, dtype), n) for v, n in zip(values, COUNTS, strict=True)]


def measure(dtype: torch.dtype, device: str, rounds: int) -> tuple[str, ...]:
    """One row of the table."""
    prompts = make_prompts(dtype, device)
    values = [prompt.values for prompt in prompts]
    wide = [v.float() for v in values]

    def choose() -> OptimalInterpolation:
        return find_optimal(*prompts, steps=STEPS)

    def choose_and_mix() -> object:
        return choose().embedding

    def literal() -> object:
        return optimal_finder(*wide, *COUNTS, k=STEPS)  # in bfloat16 it would take the wrong candidate

    def read() -> object:
        return [v.sum() for v in values]

    choice, mixture, theirs, floor = compare(choose, choose_and_mix, literal, read, rounds=rounds, in_a_row=5)
    extra = peak_bytes(choose) if device == "cpu" else 0
    exact = optimal_finder(*(v.double() for v in values), *COUNTS, k=STEPS).i_opt
    same = choose().index == exact
    one = values[0].numel() * values[0].element_size()
    return (
        str(dtype).removeprefix("torch."),
        f"{choice * 1e3:.2f} ms",
        f"{theirs / choice:.0f} x",
        f"{choice / floor:.1f} x",
        f"{mixture * 1e3:.2f} ms",
        f"{theirs / mixture:.0f} x",
        f"{extra / one:.2f}" if extra else "-",
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
        "and mixing",
        "literal loop / both",
        "peak / one embedding",
        "float64 loop agrees",
    )
    rows = [measure(dtype, device, rounds) for dtype in (torch.float32, torch.bfloat16)]
    print_table(f"Finder, {TOKENS} x {WIDTH}, k = {STEPS}, {device}, one thread", header, rows)


if __name__ == "__main__":
    main()
