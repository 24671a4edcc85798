"""CogVideoX with random weights, for diffusers and for ComfyUI, such as one as wide as CogVideoX-2b with few layers.

Its layers take as much time and memory as those of the real model, in seconds on a CPU. It draws noise, and its
predictions do not resemble those of a trained model.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import torch

from richspace_core.cogvideox.config import TransformerConfig
from richspace_core.cogvideox.folder import CogVideoXFolder
from richspace_core.cogvideox.published import PUBLISHED

SEED = 42


@dataclass(frozen=True)
class RandomModel:
    """CogVideoX-2b with random weights and another size of the denoiser.

    Args:
        transformer: Configuration of the denoiser.
    """

    transformer: TransformerConfig

    @property
    def title(self) -> str:
        """Description in the title of a table."""
        return f"{self.transformer.width} wide, {self.transformer.num_layers} layers, random weights"

    @property
    def folder(self) -> CogVideoXFolder:
        """Configuration as of a folder, which holds no files."""
        published = PUBLISHED[0]
        return CogVideoXFolder(published.name, self.transformer, published.vae, published.scheduler, Path())

    def load(self) -> Any:
        """Create diffusers' denoiser on the CPU; its weights are always the same."""
        from diffusers import CogVideoXTransformer3DModel

        torch.manual_seed(SEED)
        return CogVideoXTransformer3DModel(**asdict(self.transformer)).eval().requires_grad_(False)

    def load_native(self, native: Any, dtype: torch.dtype = torch.float32) -> Any:
        """Create ComfyUI's MODEL of the same weights, as its loader does, with the pack's corrections.

        Args:
            native: The pack's package `nodes.native`.
            dtype: Number type of the weights.
        """
        import comfy.sd

        weights = {name: value for name, value in self.load().state_dict().items() if "pos_emb" not in name}
        options = {"dtype": dtype}
        stock = comfy.sd.load_diffusion_model_state_dict(native.host_keys(weights), model_options=options)
        return native.correct_model(stock, self.folder)

    def embed_prompts(self) -> tuple[torch.Tensor, torch.Tensor]:
        """Create the embeddings of a prompt and of a negative prompt."""
        shape = 2, self.transformer.max_text_seq_length, self.transformer.text_embed_dim
        prompt, negative = torch.randn(shape, generator=torch.Generator().manual_seed(SEED))
        return prompt, negative


WIDE = RandomModel(replace(PUBLISHED[0].transformer, num_layers=3))
"""As wide as CogVideoX-2b."""

NARROW = RandomModel(
    replace(WIDE.transformer, num_attention_heads=3, num_layers=2, text_embed_dim=32, time_embed_dim=48)
)
"""For a quick run. ComfyUI can load only heads of 64 and a width that divides by three."""
