"""Time that the pack adds to the start of ComfyUI: loading it and describing its nodes.

Run: python benchmarks/startup_time.py
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path

from timing import print_table

TOOLS = Path(__file__).parents[1] / "tools"
ROUNDS = 5


def measure_here(base: Path) -> dict[str, float]:
    """Measure the imports of ComfyUI and of the pack in this new process, in seconds."""
    import time

    sys.path.insert(0, str(TOOLS))
    from comfyui import in_process

    start = time.perf_counter()
    in_process.import_host(base)
    imported = time.perf_counter()
    in_process.node_classes(in_process.load_pack())
    return {"host": imported - start, "pack": time.perf_counter() - imported}


def main() -> None:
    """Measure in several new processes and print the table."""
    runs = []
    for _ in range(ROUNDS):
        with tempfile.TemporaryDirectory() as base:
            command = [sys.executable, __file__, base]
            output = subprocess.run(command, check=True, capture_output=True, text=True).stdout  # noqa: S603 - runs this file
            runs.append(json.loads(output.splitlines()[-1]))
    pack, host = (min(run[key] for run in runs) for key in ("pack", "host"))
    header = ("what", "seconds", "share of ComfyUI's imports")
    rows = [("ComfyUI's imports", f"{host:.2f}", ""), ("this pack", f"{pack:.3f}", f"{pack / host:.1%}")]
    print_table(f"Start of ComfyUI, shortest of {ROUNDS}", header, rows)


if __name__ == "__main__":
    if len(sys.argv) > 1:
        print(json.dumps(measure_here(Path(sys.argv[1]))))
    else:
        main()
