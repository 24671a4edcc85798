"""The blueprint "Compare two prompts": both prompts and their mixtures in one picture."""

from blueprint_recipes import demo_video
from blueprint_recipes.recipe import Inner, Output, Recipe

_CANDIDATES = 30

COMPARE_TWO = Recipe(
    name="Compare two prompts",
    description="Makes four videos from one seed with CogVideoX and shows their frames in one picture: prompt A, "
    "prompt B, the middle between them, and the mixture that RichSpace Balance takes. Connect the comparison to "
    "Preview Image and press Run: it starts with the bundled demo model, which needs no download.",
    aliases=("richspace", "comparison", "side by side", "grid", "contact sheet", "which mixture", "cogvideox"),
    nodes=(
        *demo_video.NODES,
        Inner(
            "Balance A and B",
            "RichSpaceCogVideoXBalance",
            (760, 0),
            (400, 820),
            {"steps": _CANDIDATES, "cfg": demo_video.CFG, "seed": demo_video.SEED},
        ),
        Inner(
            "The middle",
            "RichSpaceInterpolate",
            (380, 530),
            (320, 135),
            {"index": _CANDIDATES // 2, "steps": _CANDIDATES},
        ),
        Inner("All four, in this order", "CreateList", (1220, 0), (310, 150)),
        Inner(
            "Sample the videos",
            "RichSpaceCogVideoXSample",
            (1220, 210),
            (310, 400),
            demo_video.SAMPLING,
        ),
        Inner("Decode to frames", "RichSpaceCogVideoXDecode", (1220, 670), (310, 115)),
        Inner(
            "Compare the four",
            "RichSpaceCompare",
            (1590, 0),
            (560, 820),
            {"names": "A\nB\nmiddle\nBalance", "columns": 9, "frame_width": 96},
        ),
    ),
    links=(
        *demo_video.LINKS,
        (("Prompt A", "conditioning"), ("The middle", "a")),
        (("Prompt B", "conditioning"), ("The middle", "b")),
        (("Prompt A", "conditioning"), ("All four, in this order", "inputs.input0")),
        (("Prompt B", "conditioning"), ("All four, in this order", "inputs.input1")),
        (("The middle", "mixture"), ("All four, in this order", "inputs.input2")),
        (("Balance A and B", "mixture"), ("All four, in this order", "inputs.input3")),
        (("Load the model", "model"), ("Sample the videos", "model")),
        (("All four, in this order", "list"), ("Sample the videos", "positive")),
        (("Load the model", "model"), ("Decode to frames", "model")),
        (("Sample the videos", "latent"), ("Decode to frames", "latent")),
        (("Decode to frames", "frames"), ("Compare the four", "videos.video_1")),
    ),
    inputs=demo_video.shown_inputs("Sample the videos"),
    outputs=(
        Output("comparison", ("Compare the four", "comparison")),
        Output("frames", ("Decode to frames", "frames")),
    ),
    size=(420, 460),
    input_place=(-260, 300),
    output_place=(2220, 100),
    previews=(("Compare the four", "$$canvas-image-preview"),),
)
