"""Rules for every node; test_surface.py tests what saved workflows rely on."""

import ast
import inspect
import statistics

import pytest
from environment.checkout import ROOT
from surface import read_surface

every_node = pytest.mark.parametrize("node_id", read_surface()["nodes"])


def all_inputs(schema):
    """Return the inputs, and the inputs that a growing list adds."""
    grown = [field.template.input for field in schema.inputs if field.io_type == "COMFY_AUTOGROW_V3"]
    return [*schema.inputs, *grown]


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
            is_socket = bool(field.force_input)  # its value comes from another node, so it has no default
            assert field.min <= (field.min if is_socket else field.default) <= field.max, field.id
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


def test_node_ids_can_be_read_without_running_the_code(nodes_by_id):
    # ComfyUI's package manager reads them from the source: a literal, in a class that subclasses ComfyNode directly.
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
    assert sorted(found) == sorted(nodes_by_id)


def test_every_file_in_nodes_holds_nodes():
    for file in sorted((ROOT / "nodes").glob("*.py")):
        if file.name not in ("__init__.py", "inputs.py", "sampling_inputs.py"):
            assert "\nNODES: list[type[io.ComfyNode]] = [" in file.read_text(encoding="utf-8"), file.name


def test_schemas_are_short():
    """What several nodes share is in inputs.py and sampling_inputs.py."""
    lengths = [
        part.end_lineno - part.lineno + 1
        for item in node_classes()
        for part in item.body
        if isinstance(part, ast.FunctionDef) and part.name == "define_schema"
    ]
    assert statistics.median(lengths) <= 20


def test_the_page_shows_reports_on_every_node(nodes_by_id):
    """The page's script gives a view to every node whose id starts like this."""
    assert 'startsWith("RichSpace")' in (ROOT / "web" / "richspace.js").read_text(encoding="utf-8")
    assert all(node_id.startswith("RichSpace") for node_id in nodes_by_id)
