"""ComfyUI's own CogVideoX, corrected so that it computes what the published model computes."""

from .frames import require_masks_fit
from .keys import host_keys, published_key
from .loading import load_file, load_folder
from .lora import apply_lora
from .model import correct_model, corrected_config, empty_latent, recognize
from .sampler import PublishedSampler
from .vae import correct_vae, fit_preview_colors

__all__ = [
    "PublishedSampler",
    "apply_lora",
    "correct_model",
    "correct_vae",
    "corrected_config",
    "empty_latent",
    "fit_preview_colors",
    "host_keys",
    "load_file",
    "load_folder",
    "published_key",
    "recognize",
    "require_masks_fit",
]
