"""The blueprint "Mix three prompts": the paper's chain of two finders."""

from blueprint_recipes.recipe import Inner, Input, Output, Recipe, read_prompts

TEXTS = ("prompt 1", "prompt 2", "guide for 1 + 2", "prompt 3", "guide for all three")
FINDERS = ("First finder: 1 + 2", "Second finder: (1 + 2) + 3")
_TITLES = ("A: ", "B: ", "Guide for A + B", "C: ", "Guide for (A + B) + C")  # how the workflow's nodes are called
_PROMPTS = read_prompts("Mix three prompts (CogVideoX)", *_TITLES)

# The chain goes from left to right, as in the workflow.
_TEXT_PLACES = ((0, 0), (0, 265), (0, 530), (380, 600), (380, 865))
_FINDER_PLACES = ((380, 0), (880, 260))

MIX_THREE = Recipe(
    name="Mix three prompts",
    description="Mixes three prompts for CogVideoX: prompts 1 and 2 at the point that their guide means, then that "
    "mixture with prompt 3 at the point that the guide for all three means. Wire the text encoder of RichSpace Load "
    "CogVideoX, and the mixture to a sampler's positive input. Open the subgraph to see the score curves and to pick "
    "candidates.",
    aliases=("richspace", "three prompts", "chain", "blend prompts", "interpolate", "cogvideox"),
    nodes=(
        *(
            Inner(title, "RichSpaceT5Encode", place, (300, 215), {"text": prompt})
            for title, place, prompt in zip(TEXTS, _TEXT_PLACES, _PROMPTS, strict=True)
        ),
        *(
            Inner(title, "RichSpaceOptimalInterpolate", place, (420, 520))
            for title, place in zip(FINDERS, _FINDER_PLACES, strict=True)
        ),
    ),
    links=(
        ((TEXTS[0], "conditioning"), (FINDERS[0], "a")),
        ((TEXTS[1], "conditioning"), (FINDERS[0], "b")),
        ((TEXTS[2], "conditioning"), (FINDERS[0], "guide")),
        ((FINDERS[0], "mixture"), (FINDERS[1], "a")),
        ((TEXTS[3], "conditioning"), (FINDERS[1], "b")),
        ((TEXTS[4], "conditioning"), (FINDERS[1], "guide")),
    ),
    inputs=(
        Input("text encoder", tuple((title, "encoder") for title in TEXTS)),
        *(Input(title, ((title, "text"),)) for title in TEXTS),
    ),
    outputs=(
        Output("mixture", (FINDERS[1], "mixture")),
        Output("scores of 1 + 2", (FINDERS[0], "scores")),
        Output("scores of all three", (FINDERS[1], "scores")),
    ),
    size=(420, 640),
    input_place=(-260, 500),
    output_place=(1380, 100),
)
