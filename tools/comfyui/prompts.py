"""Prompts in ComfyUI's API format. Nodes are named after what they do, as in `prompt["sample"]`."""

from __future__ import annotations

from typing import Any

Prompt = dict[str, dict[str, Any]]

DEMO = "bundled demo"
SMALL_VIDEO = (9, 32, 48)  # frames, height and width: decoded in 0.1 s, where the demo model's own size takes 1 s
PROMPTS = {  # in the demo model's vocabulary
    "a": "a red circle moves right",
    "b": "a blue square moves right",
    "guide": "a red and blue circle moves right",
    "negative": "",
}


def node(class_type: str, **inputs: Any) -> dict[str, Any]:
    """Make a node. A link is written as [name of the other node, number of its output]."""
    return {"class_type": class_type, "inputs": inputs}


def mix_prompt(model: str = DEMO, **inputs: Any) -> Prompt:
    """Make a prompt that mixes two prompts by their guide, which is quick; `inputs` go to the finder."""
    names = ("a", "b", "guide")
    return {
        "load": node("RichSpaceLoadCogVideoX", model=model, dtype="auto"),
        **{name: node("RichSpaceT5Encode", encoder=["load", 1], text=PROMPTS[name]) for name in (*names, "negative")},
        "mix": node(
            "RichSpaceOptimalInterpolate", **{name: [name, 0] for name in names} | {"steps": 30, "index": 0} | inputs
        ),
    }


def video_prompt(model: str = DEMO, **inputs: Any) -> Prompt:
    """Make a prompt that saves the video and the score plot of a mixture; `inputs` go to the sampler."""
    sampling = {
        "width": SMALL_VIDEO[2],
        "height": SMALL_VIDEO[1],
        "frames": SMALL_VIDEO[0],
        "steps": 2,
        "cfg": 6.0,
        "seed": 0,
        "batch_size": 1,
        "scheduler": "auto",
        "dynamic_cfg": "off",
    }
    links = {"model": ["load", 0], "positive": ["mix", 0], "negative": ["negative", 0]}
    return {
        **mix_prompt(model),
        "sample": node("RichSpaceCogVideoXSample", **links | sampling | inputs),
        "decode": node("RichSpaceCogVideoXDecode", model=["load", 0], latent=["sample", 0], tiled=False),
        "video": node("CreateVideo", images=["decode", 0], fps=8.0),
        "save": node("SaveVideo", video=["video", 0], filename_prefix="test/video", format="auto", codec="auto"),
        "plot": node("RichSpaceScorePlot", scores=["mix", 3]),
        "save_plot": node("SaveImage", images=["plot", 0], filename_prefix="test/plot"),
    }


def change(prompt: Prompt, name: str, **inputs: Any) -> Prompt:
    """Return the prompt with some inputs of a node changed; None removes an input."""
    changed = {key: value for key, value in (prompt[name]["inputs"] | inputs).items() if value is not None}
    return prompt | {name: {**prompt[name], "inputs": changed}}


def richspace_nodes(prompt: Prompt) -> set[str]:
    """Return the names of this pack's nodes in a prompt."""
    return {name for name, content in prompt.items() if content["class_type"].startswith("RichSpace")}
