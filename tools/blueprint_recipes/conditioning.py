"""The blueprints "Balance two prompts" and "Morph two prompts", which end before any model's sampler."""

from blueprint_recipes import demo_video
from blueprint_recipes.recipe import Inner, Input, Output, Recipe

_ENCODE = "CLIPTextEncode"
_SIZE = (400, 180)


def _encoders() -> tuple[Inner, ...]:
    """Return the nodes that encode A, B and the negative prompt."""
    return (
        Inner("Prompt A", _ENCODE, (0, 0), _SIZE, {"text": demo_video.PROMPT_A}),
        Inner("Prompt B", _ENCODE, (0, 230), _SIZE, {"text": demo_video.PROMPT_B}),
        Inner("Negative prompt", _ENCODE, (0, 460), _SIZE, {"text": ""}),
    )


_CLIP = Input("clip", tuple((title, "clip") for title in ("Prompt A", "Prompt B", "Negative prompt")))
_PROMPTS = (Input("prompt A", (("Prompt A", "text"),)), Input("prompt B", (("Prompt B", "text"),)))
_NEGATIVE = Input("negative prompt", (("Negative prompt", "text"),))

BALANCE_TWO = Recipe(
    name="Balance two prompts",
    description="Mixes two prompts for any model of ComfyUI, so that it shows the wanted share of A. Connect the "
    "model, its clip and the sampler's latent, and connect mixture and negative to KSampler. Give it the sampler's "
    "seed, cfg, sampler and scheduler. Open the subgraph to see the drafts and to pick another mixture.",
    aliases=(
        "richspace",
        "mix two prompts",
        "blend prompts",
        "merge prompts",
        "combine",
        "hybrid",
        "interpolate",
        "wan",
        "sdxl",
        "flux",
    ),
    nodes=(
        *_encoders(),
        Inner(
            "Balance A and B",
            "RichSpaceBalance",
            (460, 0),
            (420, 900),
            {"cfg": demo_video.CFG, "seed": demo_video.SEED},
        ),
    ),
    links=(
        (("Prompt A", "CONDITIONING"), ("Balance A and B", "a")),
        (("Prompt B", "CONDITIONING"), ("Balance A and B", "b")),
        (("Negative prompt", "CONDITIONING"), ("Balance A and B", "negative")),
    ),
    inputs=(
        Input("model", (("Balance A and B", "model"),)),
        _CLIP,
        Input("latent", (("Balance A and B", "latent"),)),
        *_PROMPTS,
        Input("share of A", (("Balance A and B", "share"),)),
        _NEGATIVE,
        Input("seed", (("Balance A and B", "seed"),)),
        Input("cfg", (("Balance A and B", "cfg"),)),
        Input("sampler", (("Balance A and B", "sampler_name"),)),
        Input("scheduler", (("Balance A and B", "scheduler"),)),
    ),
    outputs=(
        Output("mixture", ("Balance A and B", "mixture")),
        Output("negative", ("Negative prompt", "CONDITIONING")),
        Output("scores", ("Balance A and B", "scores")),
    ),
    size=(420, 640),
    input_place=(-260, 200),
    output_place=(940, 100),
)

MORPH_TWO = Recipe(
    name="Morph two prompts",
    description="Turns prompt A into prompt B while the video plays. Connect a video model of ComfyUI, its clip and "
    "the sampler's latent, and connect positive and negative to KSampler. The keyframes say what is seen when: "
    "0%: A, 100%: B. Open the subgraph to drag them.",
    aliases=("richspace", "prompt travel", "transition", "over time", "keyframes", "blend prompts", "wan", "cogvideox"),
    nodes=(
        *_encoders(),
        Inner("Morph A to B", "RichSpaceMorph", (460, 0), (420, 640), {"curve": "0%: A, 30%: A, 70%: B"}),
    ),
    links=(
        (("Prompt A", "CONDITIONING"), ("Morph A to B", "a")),
        (("Prompt B", "CONDITIONING"), ("Morph A to B", "b")),
    ),
    inputs=(
        Input("model", (("Morph A to B", "model"),)),
        _CLIP,
        Input("latent", (("Morph A to B", "latent"),)),
        *_PROMPTS,
        Input("keyframes", (("Morph A to B", "curve"),)),
        Input("change between keyframes", (("Morph A to B", "interpolation"),)),
        _NEGATIVE,
    ),
    outputs=(
        Output("positive", ("Morph A to B", "morph")),
        Output("negative", ("Negative prompt", "CONDITIONING")),
        Output("captions", ("Morph A to B", "captions")),
    ),
    size=(420, 520),
    input_place=(-260, 200),
    output_place=(940, 100),
)
