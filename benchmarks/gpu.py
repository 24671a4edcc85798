"""The benchmarks that mean something else on an accelerator, run on one.

Run: python benchmarks/gpu.py
"""

from __future__ import annotations

import finder_speed
import sampling_speed
import torch


def main() -> None:
    """Print the tables, or say why not."""
    if not torch.cuda.is_available():
        print("No CUDA device: nothing to measure here.")
        return
    print(f"Device: {torch.cuda.get_device_name()}")
    finder_speed.main("cuda")
    sampling_speed.main()


if __name__ == "__main__":
    main()
