"""Help pages and README match the nodes."""

import re

import pytest
import torch
from PIL import Image

from richspace_core.finder.cosine import Scores, cosine_choice

MOST_BYTES_OF_PICTURES = 1e6  # all together


def shown_names(schema):
    """Return the names of a node's inputs and outputs as an artist sees them."""
    inputs = [item.display_name or item.id for item in schema.inputs if item.id != "stages"]
    return [*inputs, *(output.display_name for output in schema.outputs)]


def test_each_node_has_a_help_page_and_no_other_page_is_there(nodes_by_id, root):
    assert {page.stem for page in (root / "web" / "docs").glob("*.md")} == set(nodes_by_id)


def test_help_pages_name_every_input_and_output(nodes_by_id, root):
    for node_id, node in nodes_by_id.items():
        schema = node.GET_SCHEMA()
        page = (root / "web" / "docs" / f"{node_id}.md").read_text(encoding="utf-8")
        assert page.startswith(f"# {schema.display_name}\n")
        named = set(re.findall(r"\*\*(.+?)\*\*", page))
        assert set(shown_names(schema)) <= named, node_id


def test_each_help_page_shows_pictures_and_says_what_the_paper_has_of_it(nodes_by_id, root):
    """The first one has the node's id, and further ones have a topic after it."""
    docs = root / "web" / "docs"
    shown = set()
    for node_id in nodes_by_id:
        page = (docs / f"{node_id}.md").read_text(encoding="utf-8")
        pictures = re.findall(r"!\[(?:.+?)\]\((.+?)\)", page)
        assert pictures[0] == f"images/{node_id}.png"
        assert all(re.fullmatch(rf"images/{node_id}-[a-z]+\.png", picture) for picture in pictures[1:])
        assert len(set(pictures)) == len(pictures)
        assert page.count("\n## In the paper\n\n") == 1, node_id
        for picture in pictures:
            with Image.open(docs / picture) as opened:
                width, height = opened.size
            assert 300 < width < 700, picture  # the panel is some 400 pixels wide
            assert 200 < height < 1000, picture
        shown |= {picture.removeprefix("images/") for picture in pictures}
    files = list((docs / "images").iterdir())
    assert {file.name for file in files} == shown
    assert sum(file.stat().st_size for file in files) < MOST_BYTES_OF_PICTURES


def test_the_finder_s_help_page_explains_every_remark(root):
    page = (root / "web" / "docs" / "RichSpaceOptimalInterpolate.md").read_text(encoding="utf-8")
    curve = torch.ones(4, dtype=torch.float64)
    scores = Scores(curve, curve)

    def remarks(**about):
        usual = {"index": 1, "continuous_weight": 0.5, "foot_coefficient": 0.5, "counted": True}
        return cosine_choice(scores, **usual | about).remarks

    seen = [
        *remarks(counted=False, contrast=0.0, foot_coefficient=-0.5),
        *cosine_choice(
            Scores(torch.arange(4.0).double(), curve), 1, continuous_weight=1, foot_coefficient=0.5, counted=True
        ).remarks,
        *remarks(guide_count=2),
        *remarks(remarks=("not in the mixture: B's mask (it has the settings of A)",)),
    ]
    assert len(seen) == 6
    for remark in seen:
        assert f"- **{remark.partition(':')[0]}**" in page


def test_the_readme_lists_every_node_and_every_workflow(nodes_by_id, root):
    readme = (root / "README.md").read_text(encoding="utf-8")
    for node in nodes_by_id.values():
        assert f"| **{node.GET_SCHEMA().display_name.removeprefix('RichSpace ')}** |" in readme
    for workflow in (root / "workflows").glob("*.json"):
        assert f"| *{workflow.stem}* |" in readme


@pytest.mark.parametrize(
    "page",
    [
        "README.md",
        "CHANGELOG.md",
        "demo_model/README.md",
        "docs/API.md",
        "docs/BENCHMARKS.md",
        "docs/EVALUATION.md",
        "docs/NATIVE_COGVIDEOX.md",
    ],
)
def test_links_to_files_lead_to_files(page, root):
    text = (root / page).read_text(encoding="utf-8")
    for target in re.findall(r"\]\(([^)#]+?)\)", text):
        if "://" not in target:
            assert (root / page).parent.joinpath(target).is_file(), target


def test_the_readmes_commands_exist(root):
    commands = set(
        re.findall(r"^python3 dev\.py (\w+)", (root / "README.md").read_text(encoding="utf-8"), re.MULTILINE)
    )
    assert {"demo", "test"} <= commands
    code = (root / "dev.py").read_text(encoding="utf-8")
    assert all(f"def command_{command}(" in code for command in commands)
