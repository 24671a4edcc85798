"""Comparison of videos or latents with exact ones."""

from __future__ import annotations

import math

import torch


def decibels(values: torch.Tensor, exact: torch.Tensor) -> str:
    """Return the peak signal-to-noise ratio of frames or latents; the peak is the exact ones' range."""
    error = float((values.float() - exact.float()).square().mean())
    span = float(exact.max() - exact.min())
    return "exact" if error == 0 else f"{10 * math.log10(span**2 / error):.1f}"
