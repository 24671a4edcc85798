"""Scenes of the help pages' pictures: for each node a small graph on the demo model, and the nodes that are shown."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from comfyui.prompts import Prompt, change, node, video_prompt
from small_models.single_files import LORA

if TYPE_CHECKING:
    from collections.abc import Mapping

CONVERTED = "cogvideox_2b.safetensors"
SIZE = "width", "height", "frames"
HIGH = 0.8  # scale for nodes with several curves
DRAFT_STEPS, LOOKS = 8, 3  # of Balance: drafts that can be recognized

Box = tuple[int, int, int, int]  # left, top, width and height of a node without its title bar

TEXTS = {  # in the demo model's vocabulary
    "a": "a large plain red circle moves right",
    "b": "a large plain blue square moves right",
    "guide": "a large plain red and blue circle and square moves right",
    "c": "a large plain yellow star moves right",
    "guide_c": "a large plain red, blue and yellow circle, square and star moves right",
    "negative": "",
    "too_long": "a large plain blue square moves right, " * 8 + "a small yellow star",
}


@dataclass(frozen=True)
class Scene:
    """A graph to run, and the nodes that its picture shows.

    Args:
        prompt: Graph in API format.
        shown: Box of each node that is shown, by the node's name.
        after: Id of the node whose scene has to run before, because it saves a file that this one loads.
        scale: Scale of the canvas, for nodes that are too high for the window.
    """

    prompt: Prompt
    shown: Mapping[str, Box]
    after: str = ""
    scale: float = 1


def encoded(*names: str) -> Prompt:
    """Make the loader, and prompts by their names in TEXTS."""
    base = video_prompt()
    return {
        "load": base["load"],
        **{name: node("RichSpaceT5Encode", encoder=["load", 1], text=TEXTS[name]) for name in names},
    }


def wired(**links: str) -> dict[str, Any]:
    """Make inputs that are connected to the first output of another node."""
    return {name: [other, 0] for name, other in links.items()}


def saved(name: str, prefix: str = "RichSpace", **inputs: Any) -> dict[str, Any]:
    """Make a node that saves a conditioning, so that ComfyUI runs the nodes before it."""
    return node("RichSpaceSaveEmbedding", conditioning=[name, 0], filename_prefix=prefix, **inputs)


def sampled() -> Prompt:
    """Make a graph that turns a mixture into a video of the demo model's own size."""
    prompt = video_prompt(width=0, height=0, frames=0, steps=20, cfg=4.0, seed=42)
    for name in ("a", "b", "guide"):
        prompt = change(prompt, name, text=TEXTS[name])
    prompt = change(prompt, "save", filename_prefix="video/RichSpace")
    return {name: content for name, content in prompt.items() if name not in ("plot", "save_plot")}


def native() -> Prompt:
    """Make a graph for a video of the demo model with ComfyUI's own sampler and decoder."""
    model = wired(model="load")
    settings = {"scheduler": "auto", "dynamic_cfg": "off", "noise": "ComfyUI"}
    return encoded("a", "negative") | {
        "load": node("RichSpaceLoadCogVideoXNative", model="bundled demo", dtype="auto"),
        "latent": node("RichSpaceEmptyCogVideoXLatent", **model, **dict.fromkeys(SIZE, 0), batch_size=1),
        "sampler": node("RichSpaceCogVideoXSampler", **model, steps=20, **settings),
        "sample": node(
            "SamplerCustom",
            **model,
            **wired(positive="a", negative="negative", sampler="sampler", latent_image="latent"),
            sigmas=["sampler", 1],
            add_noise=True,
            noise_seed=42,
            cfg=4.0,
        ),
        "decode": node("VAEDecode", samples=["sample", 0], vae=["load", 2]),
        "video": node("CreateVideo", images=["decode", 0], fps=8.0),
        "save": node("SaveVideo", video=["video", 0], filename_prefix="video/RichSpace", format="auto", codec="auto"),
    }


def with_lora() -> Prompt:
    """Make the same graph with a LoRA between the loader and the sampler."""
    prompt = native()
    lora = node("RichSpaceLoadCogVideoXLora", **wired(model="load"), lora=LORA, strength=0.8)
    return {"load": prompt.pop("load"), "lora": lora, **change(prompt, "sample", **wired(model="lora"))}


def scenes() -> dict[str, Scene]:
    """Return the scene of each node's picture, by node id."""
    looking = balancing_scenes() | scoring_scenes()
    return encoding_scenes() | finding_scenes() | mixing_scenes() | looking | native_scenes() | video_scenes()


def encoding_scenes() -> dict[str, Scene]:
    """Return the scenes of the loader and of the encoder."""
    return {
        "RichSpaceLoadCogVideoX": Scene(
            encoded("a") | {"saved": saved("a")}, {"load": (0, 0, 300, 270), "a": (340, 0, 240, 200)}
        ),
        "RichSpaceT5Encode": Scene(
            encoded("a", "too_long") | {"saved": saved("a"), "saved_too": saved("too_long")},
            {"a": (0, 0, 440, 200), "too_long": (0, 250, 440, 220)},
        ),
    }


def finding_scenes() -> dict[str, Scene]:
    """Return the scenes of the nodes that compare mixtures with a guide."""
    abc, guided = encoded("a", "b", "guide"), wired(a="a", b="b", guide="guide")
    stages = wired(
        **{"stages.prompt_2": "b", "stages.guide_2": "guide", "stages.prompt_3": "c", "stages.guide_3": "guide_c"}
    )
    return {
        "RichSpacePerpendicularFoot": Scene(
            abc
            | {"foot": node("RichSpacePerpendicularFoot", **guided), "text": node("PreviewAny", source=["foot", 1])},
            {"foot": (0, 0, 300, 170), "text": (340, 0, 260, 130)},
        ),
        "RichSpaceCosineScore": Scene(
            abc | {"scores": node("RichSpaceCosineScore", **guided, steps=30)}, {"scores": (0, 0, 440, 400)}
        ),
        "RichSpaceOptimalInterpolate": Scene(mixture(), {"mix": (0, 0, 440, 500)}),
        "RichSpaceChainedFinder": Scene(
            encoded("a", "b", "guide", "c", "guide_c")
            | {"chain": node("RichSpaceChainedFinder", first=["a", 0], **stages, steps=30)},
            {"chain": (0, 0, 460, 800)},
        ),
    }


def balancing_scenes() -> dict[str, Scene]:
    """Return the scenes of the nodes that find a mixture by looking."""
    ab, drafts = wired(a="a", b="b"), {"draft_steps": DRAFT_STEPS, "seed": 42, "cfg": 4.0}
    search = {"steps": 30, "index": 0, "share": 0.5, "looks": LOOKS}
    own = wired(model="load", negative="negative") | drafts | dict.fromkeys(SIZE, 0) | {"scheduler": "auto"}
    native = wired(model="native", negative="negative", latent="latent")
    host = native | drafts | {"sampler_name": "euler", "scheduler": "simple"}
    empty = {
        "native": node("RichSpaceLoadCogVideoXNative", model="bundled demo", dtype="auto"),
        "latent": node(
            "RichSpaceEmptyCogVideoXLatent", **wired(model="native"), **dict.fromkeys(SIZE, 0), batch_size=1
        ),
    }
    # The page remembers the choices of a node's lists by its name, so nodes with other schedulers have other names.
    pair = encoded("a", "b", "negative")
    three = encoded("a", "b", "c", "negative")
    chain = wired(**{f"prompts.prompt_{number}": name for number, name in enumerate("abc", start=1)})
    chain |= {"steps": 30, "shares": "", "looks": LOOKS}
    return {
        "RichSpaceBalance": Scene(
            pair | empty | {"balance": node("RichSpaceBalance", **ab, **host, **search)}, {"balance": (0, 0, 440, 860)}
        ),
        "RichSpaceCogVideoXBalance": Scene(
            pair | {"own": node("RichSpaceCogVideoXBalance", **ab, **own, **search)}, {"own": (0, 0, 440, 860)}
        ),
        "RichSpaceChainedBalance": Scene(
            three | empty | {"chain": node("RichSpaceChainedBalance", **chain, **host)},
            {"chain": (0, 0, 460, 1090)},
            scale=HIGH,
        ),
        "RichSpaceCogVideoXChainedBalance": Scene(
            three | {"own": node("RichSpaceCogVideoXChainedBalance", **chain, **own)},
            {"own": (0, 0, 460, 1090)},
            scale=HIGH,
        ),
    }


def mixture() -> Prompt:
    """Make a graph that mixes A and B by their guide."""
    guided = wired(a="a", b="b", guide="guide")
    return encoded("a", "b", "guide") | {"mix": node("RichSpaceOptimalInterpolate", **guided, steps=30, index=0)}


def sweep() -> dict[str, Any]:
    """Make a node that gives five mixtures of A and B."""
    return node("RichSpaceInterpolationSweep", **wired(a="a", b="b"), steps=30, count=5, candidates="")


def morphing(curve: str = "0%: A, 30%: A, 70%: B", interpolation: str = "linear", *further: str) -> Prompt:
    """Make a graph that changes A into B over the video, or goes through further prompts.

    Args:
        curve: Keyframes.
        interpolation: Way from one keyframe to the next.
        further: Names of the prompts after A and B in TEXTS.
    """
    settings = {"interpolation": interpolation, "quality": "fast", "most_mixtures": 16, "frames": 17}
    prompts = wired(model="load", a="a", b="b", **{f"prompts.{name.upper()}": name for name in further})
    sampler = change(sampled(), "sample", positive=["morph", 0], frames=17)
    rest = {name: each for name, each in sampler.items() if name not in ("load", "a", "b", "guide", "mix")}
    return encoded("a", "b", *further) | {"morph": node("RichSpaceMorph", **prompts, curve=curve, **settings)} | rest


def mixing_scenes() -> dict[str, Scene]:
    """Return the scenes of mixing by hand, and of what is saved and drawn of a mixture."""
    ab = wired(a="a", b="b")
    mixing = mixture()
    return {
        "RichSpaceMixPredictions": Scene(
            encoded("a", "b")
            | {"mix": node("RichSpaceMixPredictions", **ab, share=0.5), "text": node("PreviewAny", source=["mix", 0])},
            {"a": (0, 0, 240, 200), "b": (0, 250, 240, 200), "mix": (300, 0, 330, 140)},
        ),
        "RichSpaceInterpolate": Scene(
            encoded("a", "b") | {"mix": node("RichSpaceInterpolate", **ab, index=10, steps=30), "saved": saved("mix")},
            {"a": (0, 0, 240, 200), "b": (0, 250, 240, 200), "mix": (300, 0, 270, 130)},
        ),
        "RichSpaceMorph": Scene(morphing(), {"morph": (0, 0, 420, 650)}),
        "RichSpaceInterpolationSweep": Scene(
            encoded("a", "b") | {"sweep": sweep(), "saved": saved("sweep")}, {"sweep": (0, 0, 400, 230)}
        ),
        "RichSpaceScorePlot": Scene(
            mixing
            | {
                "plot": node("RichSpaceScorePlot", scores=["mix", 3]),
                "save": node("SaveImage", images=["plot", 0], filename_prefix="RichSpace/scores"),
            },
            {"plot": (0, 0, 230, 70), "save": (280, 0, 340, 310)},
        ),
        "RichSpaceSaveEmbedding": Scene(
            mixing | {"saved": saved("mix", "red_and_blue", scores=["mix", 3])}, {"saved": (0, 0, 460, 190)}
        ),
        "RichSpaceLoadEmbedding": Scene(
            {
                "loaded": node("RichSpaceLoadEmbedding", file="red_and_blue_00001_.safetensors [output]"),
                "saved": saved("loaded"),
            },
            {"loaded": (0, 0, 460, 200)},
            after="RichSpaceSaveEmbedding",
        ),
    }


def scoring_scenes() -> dict[str, Scene]:
    """Return the scenes of the nodes that show and score several videos."""
    video = sampled()
    clip = {name: content for name, content in video.items() if name not in ("video", "save")}
    compared = ("a", "b", "guide", "mix")
    return {
        "RichSpaceContactSheet": Scene(
            encoded("a", "b", "negative")
            | {
                "sweep": sweep(),
                "sample": video["sample"] | {"inputs": video["sample"]["inputs"] | wired(positive="sweep")},
                "decode": video["decode"],
                "sheet": node("RichSpaceContactSheet", frames=["decode", 0], labels=["sweep", 2], frame_width=96),
            },
            {"sheet": (0, 0, 520, 760)},
        ),
        **{
            metric: Scene(clip | {"score": node(metric, frames=["decode", 0])}, {"score": (0, 0, 400, 330)})
            for metric in ("RichSpaceSubjectConsistency", "RichSpaceAestheticQuality", "RichSpaceBackgroundConsistency")
        },
        "RichSpaceCompare": Scene(
            clip
            | {
                "list": node("CreateList", **wired(**{f"inputs.input{n}": name for n, name in enumerate(compared)})),
                "sample": video["sample"] | {"inputs": video["sample"]["inputs"] | wired(positive="list")},
                "compare": node(
                    "RichSpaceCompare",
                    **wired(**{"videos.video_1": "decode"}),
                    names="A\nB\ndescribed\nRichSpace",
                    columns=7,
                    frame_width=96,
                ),
            },
            {"compare": (0, 0, 480, 860)},
        ),
    }


def native_scenes() -> dict[str, Scene]:
    """Return the scenes of the nodes for ComfyUI's own CogVideoX."""
    return {
        "RichSpaceLoadCogVideoXNative": Scene(native(), {"load": (0, 0, 300, 270), "latent": (340, 0, 240, 170)}),
        "RichSpaceFixCogVideoX": Scene(
            {
                "unet": node("UNETLoader", unet_name=CONVERTED, weight_dtype="default"),
                "fix": node("RichSpaceFixCogVideoX", model=["unet", 0]),
                "sampled": node(
                    "RichSpaceEmptyCogVideoXLatent", model=["fix", 0], **dict.fromkeys(SIZE, 0), batch_size=1
                ),
                "text": node("PreviewAny", source=["sampled", 0]),
            },
            {"unet": (0, 0, 290, 100), "fix": (330, 0, 270, 150)},
        ),
        "RichSpaceLoadCogVideoXLora": Scene(with_lora(), {"load": (0, 0, 300, 270), "lora": (340, 0, 270, 150)}),
        "RichSpaceCogVideoXSampler": Scene(native(), {"sampler": (0, 0, 280, 150), "sample": (330, 0, 270, 260)}),
        "RichSpaceEmptyCogVideoXLatent": Scene(native(), {"latent": (0, 0, 280, 190), "sample": (330, 0, 270, 260)}),
    }


OPTIONS = {
    "cache": "pyramid attention",
    "cache_interval": 0,
    "cache_threshold": 0.0,
    "float8_weights": True,
    "stream_weights": False,
    "attention": "auto",
    "compile_blocks": False,
    "tiled_vae": False,
}
"""Options of the picture."""


def video_scenes() -> dict[str, Scene]:
    """Return the scenes of sampling and decoding."""
    video = sampled()
    return {
        "RichSpaceCogVideoXSample": Scene(video, {"sample": (0, 0, 380, 440)}),
        "RichSpaceCogVideoXOptions": Scene(
            change(video, "sample", model=["options", 0])
            | {"options": node("RichSpaceCogVideoXOptions", model=["load", 0], **OPTIONS)},
            {"load": (0, 0, 270, 200), "options": (310, 0, 300, 330)},
        ),
        "RichSpaceCogVideoXEncode": Scene(
            video
            | {
                "encode": node("RichSpaceCogVideoXEncode", model=["load", 0], frames=["decode", 0], tiled=False),
                "change": change(video, "sample", start_latent=["encode", 0], strength=0.6)["sample"],
            },
            {"encode": (0, 0, 250, 130), "change": (300, 0, 330, 440)},
        ),
        "RichSpaceCogVideoXDecode": Scene(
            video, {"decode": (0, 0, 240, 150), "video": (0, 205, 240, 130), "save": (300, 0, 280, 400)}
        ),
    }
