"""Conversion of finished drawings to tensors."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from PIL.Image import Image


def figure_to_tensor(figure: Figure) -> Tensor:
    """Draw a matplotlib figure, and return its pixels as float32 ``[height, width, 3]`` in [0, 1]."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    width, height = canvas.get_width_height()
    pixels = torch.frombuffer(bytearray(canvas.buffer_rgba()), dtype=torch.uint8)
    return pixels.reshape(height, width, 4)[..., :3].float() / 255  # [h, w, rgb]


def image_to_tensor(image: Image) -> Tensor:
    """Return the pixels of an RGB image as float32 ``[height, width, 3]`` in [0, 1]."""
    pixels = torch.frombuffer(bytearray(image.tobytes()), dtype=torch.uint8)
    return pixels.reshape(image.height, image.width, 3).float() / 255  # [h, w, rgb]
