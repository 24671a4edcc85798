"""The benchmarks whose results differ on a GPU: the finder, sampling both ways, and the options for speed and memory.

The options are measured on the demo model and on one as wide as CogVideoX-2b, of this pack and of ComfyUI.
Those that start ComfyUI run in a process of their own, which finds the GPU by itself.

Run: python benchmarks/gpu.py
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import finder_speed
import options
import torch

WITH_COMFYUI = ("sampling_speed", "native_speed", "native_options")


def main() -> int:
    """Print the tables if there is a CUDA device; return the exit status, 1 if one of the benchmarks failed."""
    if not torch.cuda.is_available():
        print("There is no CUDA device, so there is nothing to measure.")
        return 0
    print(f"Device: {torch.cuda.get_device_name()}", flush=True)
    finder_speed.main("cuda")
    options.main("cuda")
    sys.stdout.flush()
    scripts = [Path(__file__).with_name(f"{name}.py") for name in WITH_COMFYUI]
    done = [subprocess.run([sys.executable, script], check=False) for script in scripts]  # noqa: S603 - files beside this
    return int(any(each.returncode for each in done))


if __name__ == "__main__":
    sys.exit(main())
