"""What every node shows: the frozen surface that saved workflows rely on, and the rules that hold for each."""

import ast
import inspect

import pytest
from checkout import ROOT

# node id: (category, [input: type = default], [output: type]). Workflows that people have saved break where this
# changes: an id, an input's name or type, or the order of the outputs.
SURFACE = {
    "RichSpaceT5Encode": (
        "RichSpace",
        ["encoder: RICHSPACE_T5,CLIP", "text: STRING = ''"],
        ["conditioning: CONDITIONING", "token count: INT"],
    ),
    "RichSpacePerpendicularFoot": (
        "RichSpace/mix",
        ["a: CONDITIONING", "b: CONDITIONING", "guide: CONDITIONING"],
        ["foot: CONDITIONING", "coefficient: FLOAT"],
    ),
    "RichSpaceCosineScore": (
        "RichSpace/mix",
        ["a: CONDITIONING", "b: CONDITIONING", "guide: CONDITIONING", "steps: INT = 30"],
        ["scores: RICHSPACE_SCORES"],
    ),
    "RichSpaceOptimalInterpolate": (
        "RichSpace/mix",
        [
            "a: CONDITIONING",
            "b: CONDITIONING",
            "guide: CONDITIONING",
            "steps: INT = 30",
            "index: INT = 0",
            "guides: COMFY_AUTOGROW_V3",
        ],
        ["mixture: CONDITIONING", "index: INT", "weight: FLOAT", "scores: RICHSPACE_SCORES"],
    ),
    "RichSpaceInterpolate": (
        "RichSpace/mix",
        ["a: CONDITIONING", "b: CONDITIONING", "index: INT = 15", "steps: INT = 30"],
        ["mixture: CONDITIONING"],
    ),
    "RichSpaceInterpolationSweep": (
        "RichSpace/mix",
        ["a: CONDITIONING", "b: CONDITIONING", "steps: INT = 30", "count: INT = 5", "candidates: STRING = ''"],
        ["mixtures: CONDITIONING", "indices: INT", "labels: STRING"],
    ),
    "RichSpaceChainedFinder": (
        "RichSpace/mix",
        [
            "first: CONDITIONING",
            "stages: COMFY_AUTOGROW_V3",
            "steps: INT = 30",
            *(f"guides_{number}: COMFY_AUTOGROW_V3" for number in range(2, 7)),
        ],
        ["mixture: CONDITIONING", "scores: RICHSPACE_SCORES"],
    ),
    "RichSpaceLoadCogVideoX": (
        "RichSpace",
        ["model: COMBO", "dtype: COMBO = 'auto'"],
        ["model: RICHSPACE_COGVIDEOX", "text encoder: RICHSPACE_T5"],
    ),
    "RichSpaceCogVideoXSample": (
        "RichSpace",
        [
            "model: RICHSPACE_COGVIDEOX",
            "positive: CONDITIONING",
            "negative: CONDITIONING",
            "width: INT = 0",
            "height: INT = 0",
            "frames: INT = 0",
            "steps: INT = 50",
            "cfg: FLOAT = 6.0",
            "seed: INT = 0",
            "batch_size: INT = 1",
            "scheduler: COMBO = 'auto'",
            "dynamic_cfg: COMBO = 'off'",
        ],
        ["latent: LATENT"],
    ),
    "RichSpaceCogVideoXDecode": (
        "RichSpace",
        ["model: RICHSPACE_COGVIDEOX", "latent: LATENT", "tiled: BOOLEAN = False"],
        ["frames: IMAGE"],
    ),
    "RichSpaceScorePlot": ("RichSpace/view", ["scores: RICHSPACE_SCORES"], ["plot: IMAGE"]),
    "RichSpaceContactSheet": (
        "RichSpace/view",
        ["frames: IMAGE", "columns: INT = 5", "frame_width: INT = 256", "labels: STRING"],
        ["sheet: IMAGE"],
    ),
    "RichSpaceSaveEmbedding": (
        "RichSpace/files",
        ["conditioning: CONDITIONING", "filename_prefix: STRING = 'RichSpace'", "scores: RICHSPACE_SCORES"],
        ["conditioning: CONDITIONING"],
    ),
    "RichSpaceLoadEmbedding": (
        "RichSpace/files",
        ["file: COMBO"],
        ["conditioning: CONDITIONING", "about: STRING"],
    ),
}
OUTPUT_NODES = {
    "RichSpaceCosineScore",
    "RichSpaceOptimalInterpolate",
    "RichSpaceChainedFinder",
    "RichSpaceContactSheet",
    "RichSpaceSaveEmbedding",
}
# Inputs that take a whole list at once, and outputs that are lists: everything behind them runs once for each item.
LISTS = {
    "RichSpaceCogVideoXDecode": (False, ["frames"]),
    "RichSpaceInterpolationSweep": (False, ["mixtures", "indices", "labels"]),
    "RichSpaceContactSheet": (True, []),
}
OPTIONS = {
    ("RichSpaceLoadCogVideoX", "dtype"): ["auto", "float32", "bfloat16", "float16"],
    ("RichSpaceCogVideoXSample", "scheduler"): ["auto", "DDIM", "DPM"],
    ("RichSpaceCogVideoXSample", "dynamic_cfg"): ["off", "cosine", "as diffusers"],
}
STAGES = [f"{kind}_{number}" for number in range(2, 7) for kind in ("prompt", "guide")]

every_node = pytest.mark.parametrize("node_id", SURFACE)


def describe_input(field):
    default = getattr(field, "default", None)
    return f"{field.id}: {field.get_io_type()}" + (f" = {default!r}" if default is not None else "")


def all_inputs(schema):
    """The inputs, and those that a growing list adds."""
    grown = [field.template.input for field in schema.inputs if field.io_type == "COMFY_AUTOGROW_V3"]
    return [*schema.inputs, *grown]


def test_the_pack_has_these_nodes_and_no_others(nodes_by_id):
    assert sorted(nodes_by_id) == sorted(SURFACE)


@every_node
def test_surface_is_what_saved_workflows_know(nodes_by_id, node_id):
    schema = nodes_by_id[node_id].GET_SCHEMA()
    inputs = [describe_input(field) for field in schema.inputs]
    outputs = [f"{output.display_name}: {output.io_type}" for output in schema.outputs]
    assert (schema.category, inputs, outputs) == SURFACE[node_id]
    assert schema.is_output_node == (node_id in OUTPUT_NODES)
    lists = [output.display_name for output in schema.outputs if output.is_output_list]
    assert (schema.is_input_list, lists) == LISTS.get(node_id, (False, []))


@pytest.mark.parametrize(("node_id", "name"), OPTIONS)
def test_choices_are_what_saved_workflows_know(nodes_by_id, node_id, name):
    (field,) = (field for field in nodes_by_id[node_id].GET_SCHEMA().inputs if field.id == name)
    assert field.options == OPTIONS[node_id, name]


def test_the_growing_list_offers_prompts_and_guides_in_turn(nodes_by_id):
    (stages,) = (field for field in nodes_by_id["RichSpaceChainedFinder"].GET_SCHEMA().inputs if field.id == "stages")
    assert (stages.template.names, stages.template.min) == (STAGES, 2)
    assert stages.template.input.get_io_type() == "CONDITIONING"


def test_the_growing_lists_of_further_guides(nodes_by_id):
    names = {"RichSpaceOptimalInterpolate": {"guides": [f"guide_{number}" for number in range(2, 9)]}}
    names["RichSpaceChainedFinder"] = {
        f"guides_{number}": [f"guide_{number}_{letter}" for letter in "bcdefgh"] for number in range(2, 7)
    }
    for node_id, lists in names.items():
        fields = {field.id: field for field in nodes_by_id[node_id].GET_SCHEMA().inputs if field.id in lists}
        assert {name: field.template.names for name, field in fields.items()} == lists
        for field in fields.values():
            assert (field.optional, field.template.min) == (True, 0)
            assert field.template.input.get_io_type() == "CONDITIONING"


@every_node
def test_inputs_are_the_parameters_of_execute(nodes_by_id, node_id):
    node = nodes_by_id[node_id]
    assert list(inspect.signature(node.execute).parameters) == [field.id for field in node.GET_SCHEMA().inputs]


@every_node
def test_everything_has_a_tooltip(nodes_by_id, node_id):
    schema = nodes_by_id[node_id].GET_SCHEMA()
    for field in (*all_inputs(schema), *schema.outputs):
        assert field.tooltip, field
        assert field.tooltip.endswith("."), field.tooltip


@every_node
def test_can_be_found_and_recognised(nodes_by_id, node_id):
    schema = nodes_by_id[node_id].GET_SCHEMA()
    assert schema.display_name.startswith("RichSpace ")
    assert schema.category.split("/")[0] == "RichSpace"
    assert schema.description.endswith(".")
    assert schema.search_aliases
    assert all(alias == alias.lower() for alias in schema.search_aliases)


@every_node
def test_numbers_have_a_range_and_floats_a_step(nodes_by_id, node_id):
    for field in nodes_by_id[node_id].GET_SCHEMA().inputs:
        if field.io_type in ("INT", "FLOAT"):
            assert field.min <= field.default <= field.max, field.id
        if field.io_type == "FLOAT":
            assert field.step, f"{field.id} would be shown rounded to one decimal"


def test_the_seed_can_count_up_after_each_run(nodes_by_id):
    (seed,) = (field for field in nodes_by_id["RichSpaceCogVideoXSample"].GET_SCHEMA().inputs if field.id == "seed")
    assert seed.control_after_generate
    assert (seed.min, seed.max) == (0, 2**64 - 1)


def node_classes():
    for file in sorted((ROOT / "nodes").glob("*.py")):
        for item in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(item, ast.ClassDef) and any(
                isinstance(part, ast.FunctionDef) and part.name == "define_schema" for part in item.body
            ):
                yield item


def test_node_ids_can_be_read_without_running_the_code():
    # The host's package manager reads them from the source: a literal, in a class that subclasses ComfyNode directly.
    found = []
    for item in node_classes():
        assert [ast.unparse(base) for base in item.bases] == ["io.ComfyNode"], item.name
        calls = [
            part for part in ast.walk(item) if isinstance(part, ast.Call) and ast.unparse(part.func) == "io.Schema"
        ]
        (node_id,) = (word.value for call in calls for word in call.keywords if word.arg == "node_id")
        assert isinstance(node_id, ast.Constant)
        assert node_id.value == item.name
        found.append(node_id.value)
    assert sorted(found) == sorted(SURFACE)
