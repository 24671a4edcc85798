"""The real host loads the pack: every node is there, and nothing went wrong."""

import pytest
from environment.checkout import PACK_FOLDER
from surface import read_surface

NODES = read_surface()["nodes"].keys()


@pytest.fixture(scope="module")
def object_info(server):
    return server.object_info()


def test_every_node_is_there(object_info):
    # A pack whose entry point fails is only a line in the host's log.
    assert {name for name in object_info if name.startswith("RichSpace")} == NODES


def test_the_log_knows_the_pack_and_no_failed_import(server):
    log = server.log.read_text(encoding="utf-8", errors="replace")
    (line,) = (line for line in log.splitlines() if line.rstrip().endswith(PACK_FOLDER) and " seconds" in line)
    assert "IMPORT FAILED" not in log
    assert "Cannot import" not in log
    assert "Error while calling comfy_entrypoint" not in log
    assert "FAILED" not in line


@pytest.mark.parametrize("name", sorted(NODES))
def test_a_node_can_be_drawn(object_info, name):
    info = object_info[name]
    assert info["display_name"].startswith("RichSpace ")
    assert info["category"].split("/")[0] == "RichSpace"
    assert info["python_module"] == f"custom_nodes.{PACK_FOLDER}"
    assert len(info["output"]) == len(info["output_name"]) == len(info["output_tooltips"])
    for need in ("required", "optional"):
        for kind, options in info["input"].get(need, {}).values():
            assert isinstance(kind, str)
            assert options["tooltip"]


def test_the_loader_offers_the_demo_and_what_lies_in_the_folder(server, tiny_model):
    kind, options = server.object_info()["RichSpaceLoadCogVideoX"]["input"]["required"]["model"]
    assert kind == "COMBO"
    assert options["options"] == ["bundled demo", tiny_model.name]


def test_the_host_s_own_nodes_are_not_hidden_by_the_pack_s_folder_of_that_name(object_info):
    assert object_info["KSampler"]["python_module"] == "nodes"
