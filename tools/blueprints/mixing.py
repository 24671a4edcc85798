"""The blueprint "Mix two prompts to video": everything from the model to the saved video."""

from blueprints.recipe import DEMO_A, DEMO_B, DEMO_CFG, DEMO_SEED, DEMO_STEPS, Inner, Input, Output, Recipe

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
        Inner("Load the model", "RichSpaceLoadCogVideoX", (0, 0), (320, 200), {"model": "bundled demo"}),
        Inner("Prompt A", "RichSpaceT5Encode", (380, 0), (320, 215), {"text": DEMO_A}),
        Inner("Prompt B", "RichSpaceT5Encode", (380, 265), (320, 215), {"text": DEMO_B}),
        Inner(
            "Balance A and B",
            "RichSpaceCogVideoXBalance",
            (760, 0),
            (400, 820),
            {"cfg": DEMO_CFG, "seed": DEMO_SEED},
        ),
        Inner(
            "Sample the video",
            "RichSpaceCogVideoXSample",
            (1220, 0),
            (310, 400),
            {"steps": DEMO_STEPS, "cfg": DEMO_CFG, "seed": DEMO_SEED, "control_after_generate": "fixed"},
        ),
        Inner("Decode to frames", "RichSpaceCogVideoXDecode", (1590, 0), (240, 115)),
        Inner("8 frames a second", "CreateVideo", (1890, 0), (240, 120), {"fps": 8}),
    ),
    links=(
        (("Load the model", "text encoder"), ("Prompt A", "encoder")),
        (("Load the model", "text encoder"), ("Prompt B", "encoder")),
        (("Load the model", "model"), ("Balance A and B", "model")),
        (("Prompt A", "conditioning"), ("Balance A and B", "a")),
        (("Prompt B", "conditioning"), ("Balance A and B", "b")),
        (("Load the model", "model"), ("Sample the video", "model")),
        (("Balance A and B", "mixture"), ("Sample the video", "positive")),
        (("Load the model", "model"), ("Decode to frames", "model")),
        (("Sample the video", "latent"), ("Decode to frames", "latent")),
        (("Decode to frames", "frames"), ("8 frames a second", "images")),
    ),
    inputs=(
        Input("prompt A", (("Prompt A", "text"),)),
        Input("prompt B", (("Prompt B", "text"),)),
        Input("share of A", (("Balance A and B", "share"),)),
        Input("seed", (("Sample the video", "seed"), ("Balance A and B", "seed"))),
        Input("steps", (("Sample the video", "steps"),)),
        Input("cfg", (("Sample the video", "cfg"), ("Balance A and B", "cfg"))),
        Input("model", (("Load the model", "model"),)),
    ),
    outputs=(
        Output("video", ("8 frames a second", "VIDEO")),
        Output("frames", ("Decode to frames", "frames")),
        Output("mixture", ("Balance A and B", "mixture")),
    ),
    size=(420, 460),
    input_place=(-260, 300),
    output_place=(2200, 100),
)
