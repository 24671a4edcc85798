"""Steps of width, height and frames in the page, which follow the rules of the published models."""

import pytest

from richspace_core.cogvideox.config import CogVideoXConfig

NODES = ("RichSpaceCogVideoXSample", "RichSpaceEmptyCogVideoXLatent")
# What a configuration leaves out is as in CogVideoX-2B; 1.5 spans two latent frames with a patch.
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
