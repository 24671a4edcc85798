"""The blueprint "Mix two prompts to video": everything from the model to the saved video."""

from blueprint_recipes import demo_video
from blueprint_recipes.recipe import Inner, Output, Recipe

MIX_TO_VIDEO = Recipe(
    name="Mix two prompts to video",
    description="Makes a video that shows both prompts, with CogVideoX. Connect it to Save Video and press Run: it "
    "starts with the bundled demo model, which needs no download. RichSpace Balance looks at a few drafts and takes "
    "the mixture that shows the wanted share of A. Open the subgraph to see the drafts and to pick another mixture.",
    aliases=(
        "richspace",
        "combine two prompts",
        "merge prompts",
        "blend prompts",
        "hybrid",
        "text to video",
        "cogvideox",
    ),
    nodes=(
        *demo_video.NODES,
        Inner(
            "Balance A and B",
            "RichSpaceCogVideoXBalance",
            (760, 0),
            (400, 820),
            {"cfg": demo_video.CFG, "seed": demo_video.SEED},
        ),
        Inner(
            "Sample the video",
            "RichSpaceCogVideoXSample",
            (1220, 0),
            (310, 400),
            demo_video.SAMPLING,
        ),
        Inner("Decode to frames", "RichSpaceCogVideoXDecode", (1590, 0), (240, 115)),
        Inner("8 frames a second", "CreateVideo", (1890, 0), (240, 120), {"fps": 8}),
    ),
    links=(
        *demo_video.LINKS,
        (("Load the model", "model"), ("Sample the video", "model")),
        (("Balance A and B", "mixture"), ("Sample the video", "positive")),
        (("Load the model", "model"), ("Decode to frames", "model")),
        (("Sample the video", "latent"), ("Decode to frames", "latent")),
        (("Decode to frames", "frames"), ("8 frames a second", "images")),
    ),
    inputs=demo_video.shown_inputs("Sample the video"),
    outputs=(
        Output("video", ("8 frames a second", "VIDEO")),
        Output("frames", ("Decode to frames", "frames")),
        Output("mixture", ("Balance A and B", "mixture")),
    ),
    size=(420, 460),
    input_place=(-260, 300),
    output_place=(2200, 100),
)
