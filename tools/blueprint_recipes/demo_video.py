"""What blueprints with a video of their own share: the demo model, its prompts and settings, and their widgets."""

from blueprint_recipes.recipe import Inner, Input

PROMPT_A, PROMPT_B = "a large plain red circle moves right", "a large plain blue square moves right"
CFG, SEED = 4.0, 42
SAMPLING = {"steps": 20, "cfg": CFG, "seed": SEED, "control_after_generate": "fixed"}

NODES = (
    Inner("Load the model", "RichSpaceLoadCogVideoX", (0, 0), (320, 200), {"model": "bundled demo"}),
    Inner("Prompt A", "RichSpaceT5Encode", (380, 0), (320, 215), {"text": PROMPT_A}),
    Inner("Prompt B", "RichSpaceT5Encode", (380, 265), (320, 215), {"text": PROMPT_B}),
)
LINKS = (
    (("Load the model", "text encoder"), ("Prompt A", "encoder")),
    (("Load the model", "text encoder"), ("Prompt B", "encoder")),
    (("Load the model", "model"), ("Balance A and B", "model")),
    (("Prompt A", "conditioning"), ("Balance A and B", "a")),
    (("Prompt B", "conditioning"), ("Balance A and B", "b")),
)


def shown_inputs(sampler: str) -> tuple[Input, ...]:
    """Return the widgets on such a blueprint.

    Args:
        sampler: Title of the node that samples. One widget sets its seed and cfg, and those of Balance.
    """
    return (
        Input("prompt A", (("Prompt A", "text"),)),
        Input("prompt B", (("Prompt B", "text"),)),
        Input("share of A", (("Balance A and B", "share"),)),
        Input("seed", ((sampler, "seed"), ("Balance A and B", "seed"))),
        Input("steps", ((sampler, "steps"),)),
        Input("cfg", ((sampler, "cfg"), ("Balance A and B", "cfg"))),
        Input("model", (("Load the model", "model"),)),
    )
