"""The pack's workflows made so small that a run takes about a second, in variants whose results can be compared.

Each has digest nodes behind its samplers and decoders (see `host_monitor`), so that a run's history names its result.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from comfyui.prompts import change, node
from environment.checkout import ROOT, link_folder
from environment.programs import ToolError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from comfyui.prompts import Prompt
    from small_models.tiny_models import Kind

SMALL = {"frames": 9, "height": 32, "width": 48}
# By class: what makes its node quick.
SMALLER: dict[str, dict[str, Any]] = {
    "RichSpaceCogVideoXSample": {**SMALL, "steps": 2},
    "RichSpaceCogVideoXBalance": {**SMALL, "draft_steps": 1},
    "RichSpaceCogVideoXChainedBalance": {**SMALL, "draft_steps": 1},
    "RichSpaceBalance": {"draft_steps": 1},
    "RichSpaceChainedBalance": {"draft_steps": 1},
    "RichSpaceInterpolationSweep": {"count": 2},
    "RichSpaceEmptyCogVideoXLatent": SMALL,
    "KSampler": {"steps": 2},
    "EmptyHunyuanLatentVideo": {"length": 9, "height": 32, "width": 48},
    "EmptyLatentImage": {"height": 64, "width": 64},
}
SAMPLERS = ("RichSpaceCogVideoXSample", "KSampler")
DECODERS = ("RichSpaceCogVideoXDecode", "VAEDecode")
LOADERS = ("RichSpaceLoadCogVideoX", "RichSpaceLoadCogVideoXNative")
MODELS: dict[str, Kind] = {"CogVideoX-2b": "2b", "CogVideoX1.5-5B": "1.5"}
SEEDS = 3
_KEPT_DRAFTS = re.compile(r" \((all|\d+) from an earlier run\)")
MONITOR = Path(__file__).parent / "host_monitor"


@dataclass(frozen=True)
class SmallRun:
    """A workflow in one variant.

    Attributes:
        name: Name of the workflow, of its model, and of the variant.
        prompt: The workflow in API format.
    """

    name: str
    prompt: Prompt = field(repr=False)


def prepare(base: Path) -> None:
    """Write the models that the runs need below a base directory, and the monitor. Call it before ComfyUI starts.

    It is done by a child process, so that the libraries of the models take no memory while the runs go on.
    """
    made = subprocess.run([sys.executable, __file__, str(base)], capture_output=True, text=True, check=False)
    if made.returncode:
        raise ToolError(f"The small models could not be made:\n{made.stderr[-2000:]}")


def _write_models(base: Path) -> None:
    from small_models.single_files import add_single_files
    from small_models.tiny_models import save_tiny_folder

    add_single_files(base)
    for name, kind in MODELS.items():
        save_tiny_folder(base / "models" / "diffusers" / name, kind)
    link_folder(base / "custom_nodes" / MONITOR.name, MONITOR)


def small_runs() -> list[SmallRun]:
    """Return every workflow in every variant: seeds, prompts that change places, and other models."""
    found = []
    for file in sorted((ROOT / "workflows" / "api").glob("*.json")):
        prompt = json.loads(file.read_text(encoding="utf-8"))
        for moved, on_model in _on_each_model(prompt).items():
            for seed in range(SEEDS):
                for swapped in (False, True):
                    varied = with_seed(_with_swapped_prompts(on_model) if swapped else on_model, seed)
                    name = f"{file.stem} {moved} seed {seed}{' swapped' if swapped else ''}".replace("  ", " ")
                    found.append(SmallRun(name, with_digests(made_small(varied))))
    return found


def _on_each_model(prompt: Prompt) -> dict[str, Prompt]:
    """Return the workflow for its own model, and where it is CogVideoX-2b also for CogVideoX1.5."""
    loaders = [name for name, each in prompt.items() if each["inputs"].get("model") == "CogVideoX-2b"]
    if not loaders:
        return {"": prompt}
    return {model: change(prompt, loaders[0], model=model) for model in MODELS}


def made_small(prompt: Mapping[str, dict[str, Any]]) -> Prompt:
    """Return the workflow with small videos and few steps."""
    return {
        name: each | {"inputs": each["inputs"] | SMALLER.get(each["class_type"], {})} for name, each in prompt.items()
    }


def with_seed(prompt: Mapping[str, dict[str, Any]], seed: int) -> Prompt:
    """Return the workflow with one seed in all of its nodes."""
    seeded = {"seed": seed}
    return {
        name: each | {"inputs": each["inputs"] | (seeded if "seed" in each["inputs"] else {})}
        for name, each in prompt.items()
    }


def _with_swapped_prompts(prompt: Prompt) -> Prompt:
    """Return the workflow with its first two prompts in each other's place."""
    first, second = [name for name, each in prompt.items() if each["inputs"].get("text")][:2]
    texts = prompt[first]["inputs"]["text"], prompt[second]["inputs"]["text"]
    return change(change(prompt, first, text=texts[1]), second, text=texts[0])


def with_digests(prompt: Mapping[str, dict[str, Any]]) -> Prompt:
    """Return the workflow with a digest of every latent that it samples and every picture that it decodes."""
    digests = {
        f"digest of {name}": node("ReliabilityDigest", value=[name, 0])
        for name, each in prompt.items()
        if each["class_type"] in (*SAMPLERS, *DECODERS)
    }
    return {**prompt, **digests}


def result_of(entry: Mapping[str, Any]) -> dict[str, Any]:
    """Return the digests of a finished run, and the texts that its nodes show, but for how many drafts were kept."""
    shown = {name: output.get("digest") or output.get("text") for name, output in entry["outputs"].items()}
    return {name: [_KEPT_DRAFTS.sub("", text) for text in texts] for name, texts in shown.items() if texts}


if __name__ == "__main__":
    _write_models(Path(sys.argv[1]))
