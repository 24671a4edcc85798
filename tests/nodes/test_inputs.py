"""Steps of width, height and frames in the page, which follow the rules of the published models."""

import re

import pytest

from richspace_core.cogvideox.config import CogVideoXConfig
from richspace_core.cogvideox.published import PUBLISHED as PUBLISHED_MODELS

NODES = ("RichSpaceCogVideoXSample", "RichSpaceEmptyCogVideoXLatent")
# What a configuration leaves out is as in CogVideoX-2b; 1.5 spans two latent frames with a patch.
PUBLISHED = [CogVideoXConfig.parse(name, more, {}, {}) for name, more in (("2B", {}), ("1.5", {"patch_size_t": 2}))]


@pytest.mark.parametrize("config", PUBLISHED, ids=lambda config: config.name)
@pytest.mark.parametrize("node_id", NODES)
def test_the_steps_are_those_of_the_models(nodes_by_id, node_id, config):
    fields = {field.id: field for field in nodes_by_id[node_id].GET_SCHEMA().inputs}
    for name in ("width", "height"):
        assert fields[name].step == config.size_step
        assert config.video_size(**{name: fields[name].step})
    step = fields["frames"].as_dict()["richspace_frame_step"]
    assert step == config.frame_step
    assert [config.video_size(frames=frames).frames for frames in (1, 1 + step, 1 + 2 * step)] == [1, 9, 17]
    assert config.video_size(frames=0).frames == 49


@pytest.mark.parametrize("node_id", NODES)
def test_saved_sizes_are_still_in_range(nodes_by_id, node_id):
    for field in nodes_by_id[node_id].GET_SCHEMA().inputs:
        if field.id in ("width", "height", "frames"):
            assert (field.default, field.min) == (0, 0)
            assert field.max == (1025 if field.id == "frames" else 4096)


@pytest.mark.parametrize("node_id", NODES)
def test_the_tooltips_name_the_published_models_own_sizes(nodes_by_id, node_id):
    fields = {field.id: field for field in nodes_by_id[node_id].GET_SCHEMA().inputs}
    of_2b, of_5b, of_1_5 = (model.video_size() for model in PUBLISHED_MODELS)
    assert of_2b == of_5b
    for name in ("width", "height", "frames"):
        own = f"{getattr(of_2b, name)} for CogVideoX-2b and CogVideoX-5b, {getattr(of_1_5, name)} for CogVideoX1.5-5B."
        assert own in fields[name].tooltip


def test_the_loaders_page_names_the_published_models_settings(root):
    page = (root / "web" / "docs" / "RichSpaceLoadCogVideoX.md").read_text(encoding="utf-8")
    sizes = [model.video_size() for model in PUBLISHED_MODELS]
    schedulers = [re.fullmatch("CogVideoX(.+)Scheduler", model.scheduler.class_name)[1] for model in PUBLISHED_MODELS]
    rows = [
        [model.name for model in PUBLISHED_MODELS],
        ["width, height and frames (0)", *(f"{size.width}, {size.height} and {size.frames}" for size in sizes)],
        ["scheduler (*auto*)", *schedulers],
    ]
    for row in rows:
        assert f"| {' | '.join(row)} |\n" in page
