"""The benchmarks whose results differ on a GPU.

Run: python benchmarks/gpu.py
"""

from __future__ import annotations

import finder_speed
import sampling_speed
import torch


def main() -> None:
    """Print the tables if there is a CUDA device."""
    if not torch.cuda.is_available():
        print("There is no CUDA device, so there is nothing to measure.")
        return
    print(f"Device: {torch.cuda.get_device_name()}")
    finder_speed.main("cuda")
    sampling_speed.main()


if __name__ == "__main__":
    main()
