"""ComfyUI and the pack in this process, with tiny models, a few prompts, and folders for hostile files."""

from __future__ import annotations

import importlib
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from comfyui.in_process import import_host, load_pack, node_classes
from environment.checkout import link_folder
from safetensors.torch import save_file
from small_models.tiny_models import TEXT_LENGTH, Kind, save_tiny_folder

from reliability.hostile.stock_nodes import StockNodes

TEXTS = ("a red circle moves right", "a blue square moves left", "a red square", "")
_MODELS: tuple[Kind, ...] = ("2b", "1.5")
FOLDERS = {"lora": "loras", "model": "diffusers", "file": "richspace_embeddings", "clip": "clip_vision"}


class World:
    """What the examples share.

    Args:
        base: Empty base directory for ComfyUI: models, input and output.
        pack: The pack's root module, if ComfyUI's modules and the pack are imported already.
        nodes: Its node classes by id.
    """

    def __init__(self, base: Path, pack: Any = None, nodes: dict[str, Any] | None = None) -> None:
        if pack is None:
            import_host(base)
        import folder_paths

        self.base = base
        self.pack = load_pack() if pack is None else pack
        self.nodes: dict[str, Any] = node_classes(self.pack) if nodes is None else nodes
        self.error: type[Exception] = importlib.import_module(f"{self.pack.__name__}.richspace_core").RichSpaceError
        self.stock = StockNodes()
        self.output = Path(folder_paths.get_output_directory())
        self.folders = {name: base / "hostile" / place for name, place in FOLDERS.items()}
        for name, place in FOLDERS.items():
            self.folders[name].mkdir(parents=True, exist_ok=True)
            folder_paths.add_model_folder_path(place, str(self.folders[name]))
        for kind in _MODELS:
            saved = save_tiny_folder(base / "tiny" / kind, kind)
            link_folder(self.folders["model"] / f"tiny-{kind}", saved)
        self.models: dict[str, Any] = {}
        for kind in _MODELS:
            model, encoder = self.results("RichSpaceLoadCogVideoX", model=f"tiny-{kind}", dtype="float32")
            native, clip, vae = self.results("RichSpaceLoadCogVideoXNative", model=f"tiny-{kind}", dtype="float32")
            self.models |= {kind: model, f"T5 {kind}": encoder, f"native {kind}": native}
            self.models |= {f"clip {kind}": clip, f"vae {kind}": vae}
        self.models["image"] = _image_model()
        encode = self.nodes["RichSpaceT5Encode"]
        self.prompts = [self.results(encode, encoder=self.models["T5 2b"], text=text)[0] for text in TEXTS]
        self.save_good_files()
        self._right = self._plain_run()

    def run(self, node: Any, **inputs: Any) -> Any:
        """Execute a node as ComfyUI does; return its NodeOutput."""
        node = self.nodes[node] if isinstance(node, str) else node
        clone = node.PREPARE_CLASS_CLONE({"hidden_inputs": {"UNIQUE_ID": "7"}})
        with torch.inference_mode():
            return clone.EXECUTE_NORMALIZED(**inputs)

    def results(self, node: Any, **inputs: Any) -> tuple[Any, ...]:
        """Execute a node and return its outputs."""
        return tuple(self.run(node, **inputs).result)

    def save_good_files(self) -> None:
        """Save an embedding and a LoRA that can be loaded."""
        core = f"{self.pack.__name__}.richspace_core"
        files = importlib.import_module(f"{core}.embedding_file")
        self.good_embedding = self.base / "good.safetensors"
        values = torch.randn(TEXT_LENGTH, 32, generator=torch.Generator().manual_seed(3))
        files.save_embedding(self.good_embedding, files.SavedEmbedding(values, token_count=3, text="a red circle"))
        self.good_lora = self.base / "lora.safetensors"
        network = self.models["native 2b"].model.diffusion_model
        save_file(_lora(network), self.good_lora)

    def choice(self, index: int, steps: int) -> Any:
        """Return a finder's choice of a candidate."""
        a, b, guide = self.prompts[:3]
        ((choice,),) = self.results("RichSpaceCosineScore", a=a, b=b, guide=guide, steps=steps)
        return choice.picked(index)

    def plain_run_is_right(self) -> bool:
        """Return whether a plain run still has the result that it had at the start."""
        return all(torch.equal(*pair) for pair in zip(self._right, self._plain_run(), strict=True))

    def _plain_run(self) -> list[torch.Tensor]:
        a, b, guide, empty = self.prompts
        mixture = self.results("RichSpaceOptimalInterpolate", a=a, b=b, guide=guide, steps=30, index=0)[0]
        settings = {"width": 16, "height": 16, "frames": 9, "steps": 1, "cfg": 6.0, "seed": 3, "batch_size": 1}
        sampled = self.results(
            "RichSpaceCogVideoXSample",
            **{"model": self.models["2b"], "positive": mixture, "negative": empty, **settings},
            scheduler="auto",
            dynamic_cfg="off",
        )[0]
        return [mixture[0][0].clone(), sampled["samples"].clone()]

    @cached_property
    def inputs(self) -> dict[str, set[str]]:
        """Names under which a message may speak of an input, by node."""
        return {node_id: set(_names(node)) for node_id, node in self.nodes.items()}


def _names(node: Any) -> list[str]:
    names = []
    for field in node.define_schema().inputs:
        names += [field.id, getattr(field, "display_name", None) or field.id]
        names += getattr(getattr(field, "template", None), "names", None) or []
    return names


def _lora(network: torch.nn.Module) -> dict[str, torch.Tensor]:
    made = {}
    generator = torch.Generator().manual_seed(1)
    for name, weight in network.state_dict().items():
        if name.endswith((".q.weight", ".k.weight")):
            layer = f"diffusion_model.{name.removesuffix('.weight')}"
            made[f"{layer}.lora_A.weight"] = torch.randn(2, weight.shape[1], generator=generator)
            made[f"{layer}.lora_B.weight"] = torch.randn(weight.shape[0], 2, generator=generator)
    return made


def _image_model() -> Any:
    import comfy.model_patcher
    import comfy.supported_models

    supported = comfy.supported_models.SD15({"disable_unet_model_creation": True, "context_dim": 768, "in_channels": 4})
    cpu = torch.device("cpu")
    return comfy.model_patcher.ModelPatcher(supported.get_model({}, device=cpu), load_device=cpu, offload_device=cpu)
