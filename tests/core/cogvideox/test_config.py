"""CogVideoX configuration: the rules that follow from it, its defaults, and values of the wrong type."""

from __future__ import annotations

import dataclasses
import inspect

import pytest
import torch

from richspace_core import ModelFolderError, SamplingError
from richspace_core.cogvideox import published
from richspace_core.cogvideox.config import (
    CogVideoXConfig,
    SchedulerConfig,
    TransformerConfig,
    VAEConfig,
    VideoSize,
)


def rules(transformer=None, vae=None, scheduler=None):
    """Return the configuration of a folder."""
    transformer = {"sample_width": 90, "sample_height": 60, "sample_frames": 49, "patch_size": 2} | (transformer or {})
    vae = {"block_out_channels": [128, 256, 256, 512], "temporal_compression_ratio": 4} | (vae or {})
    return CogVideoXConfig.parse("rules", transformer, vae, scheduler or {})


class TestRules:
    def test_published_2b(self):
        published = rules()
        assert published.video_size() == VideoSize(720, 480, 49)
        assert (published.text_length, published.text_width) == (226, 4096)
        assert published.scaling_factor == 1.15258426
        assert (published.size_step, published.frame_step) == (16, 8)
        assert published.latent_frames(49) == 13

    def test_rules_follow_the_configuration(self):
        other = rules(
            {"patch_size": 4, "patch_size_t": 2, "max_text_seq_length": 300, "text_embed_dim": 64},
            {"block_out_channels": [1, 2, 3], "temporal_compression_ratio": 8, "scaling_factor": 0.5},
        )
        assert (other.spatial_ratio, other.temporal_ratio, other.size_step, other.frame_step) == (4, 8, 16, 16)
        assert (other.text_length, other.text_width, other.scaling_factor) == (300, 64, 0.5)
        assert other.latent_frames(33) == 5

    @pytest.mark.parametrize(("frames", "expected"), [(1, 1), (9, 3), (17, 5), (49, 13), (81, 21)])
    def test_latent_frames(self, frames, expected):
        assert rules().latent_frames(frames) == expected

    @pytest.mark.parametrize(
        ("asked", "expected"),
        [
            ({"width": 64}, VideoSize(64, 480, 49)),
            ({"height": 16}, VideoSize(720, 16, 49)),
            ({"frames": 1}, VideoSize(720, 480, 1)),
            ({"width": 1360, "height": 768, "frames": 81}, VideoSize(1360, 768, 81)),
            ({"width": 0, "height": 0, "frames": 0}, VideoSize(720, 480, 49)),
        ],
    )
    def test_sizes_it_can_make(self, asked, expected):
        assert rules().video_size(**asked) == expected

    @pytest.mark.parametrize(
        ("asked", "message"),
        [
            ({"width": 721}, "width: expected a multiple of 16, or 0 for the model's own, got 721. "
             "The nearest this model can make are 720 and 736."),
            ({"width": 712}, "width: expected a multiple of 16, or 0 for the model's own, got 712. "
             "The nearest this model can make are 704 and 720."),
            ({"height": 8}, "height: expected a multiple of 16, or 0 for the model's own, got 8. "
             "The nearest this model can make are 16 and 32."),
            ({"height": -16}, "height: expected a multiple of 16, or 0 for the model's own, got -16. "
             "The nearest this model can make are 16 and 32."),
            ({"frames": 48}, "frames: expected 1 more than a multiple of 8, or 0 for the model's own, got 48. "
             "The nearest this model can make are 41 and 49."),
            ({"frames": 13}, "frames: expected 1 more than a multiple of 8, or 0 for the model's own, got 13. "
             "The nearest this model can make are 9 and 17."),
            ({"frames": -7}, "frames: expected 1 more than a multiple of 8, or 0 for the model's own, got -7. "
             "The nearest this model can make are 1 and 9."),
        ],
    )  # fmt: skip
    def test_sizes_it_cannot_make(self, asked, message):
        with pytest.raises(SamplingError) as caught:
            rules().video_size(**asked)
        assert str(caught.value) == message
        for nearest in caught.value.hint.removesuffix(".").split(" are ")[1].split(" and "):
            rules().video_size(**dict.fromkeys(asked, int(nearest)))  # which it says it can make

    def test_memory_grows_with_the_work(self):
        model = rules({"num_attention_heads": 30, "attention_head_dim": 64})
        small, large = model.video_size(width=64, height=64, frames=9), model.video_size()
        half, single = torch.float16, torch.float32
        # 45 x 30 patches in 13 latent frames and 226 tokens, 1920 wide, both prompts, sixteen times, two bytes.
        assert model.sampling_memory(large, half) == (45 * 30 * 13 + 226) * 1920 * 2 * 16 * 2
        assert model.sampling_memory(large, single) == 2 * model.sampling_memory(large, half)
        assert model.sampling_memory(small, half) < model.sampling_memory(large, half)
        whole, tiles = (model.decoding_memory(720, 480, half, tiled=tiled) for tiled in (False, True))
        assert tiles < whole
        assert model.decoding_memory(64, 64, half, tiled=False) < whole


TABLE_OF_1_5 = {"patch_size_t": 2, "sample_width": 300, "sample_height": 300, "sample_frames": 81}


class TestSizeOf15:
    """CogVideoX 1.5 has its largest table of positions where 1.0 has its own size."""

    def test_own_size_is_the_published_one(self):
        assert rules(TABLE_OF_1_5).video_size() == VideoSize(1360, 768, 81)

    def test_a_size_beyond_the_table_is_named(self):
        assert rules(TABLE_OF_1_5).video_size(width=2400).width == 2400
        with pytest.raises(SamplingError, match=r"^width: expected at most 2400, the model's largest, got 2416\. Make"):
            rules(TABLE_OF_1_5).video_size(width=2416)
        with pytest.raises(SamplingError, match=r"^height: expected at most 2400"):
            rules(TABLE_OF_1_5).video_size(height=2416)

    def test_a_1_0_model_has_no_such_limit(self):
        assert rules().video_size(width=2416).width == 2416


def test_a_configuration_may_leave_out_what_the_published_ones_say():
    folder = CogVideoXConfig.parse("rules", {}, {}, {})
    assert folder.video_size() == VideoSize(720, 480, 49)
    assert (folder.text_length, folder.text_width, folder.size_step, folder.frame_step) == (226, 4096, 16, 8)
    whole = folder.decoding_memory(720, 480, torch.float16, tiled=False)
    assert 2**34 < whole < 2**35  # 17.8 GB for one group of frames, says diffusers
    assert folder.sampling_memory(folder.video_size(), torch.float16) > 2**30


@pytest.mark.parametrize(
    ("kind", "classes"),
    [
        (TransformerConfig, ["CogVideoXTransformer3DModel"]),
        (VAEConfig, ["AutoencoderKLCogVideoX"]),
        (SchedulerConfig, ["CogVideoXDDIMScheduler", "CogVideoXDPMScheduler"]),
    ],
)
def test_the_defaults_are_diffusers_own(kind, classes):
    import diffusers

    own = dataclasses.asdict(kind())
    own.pop("class_name", None)
    for name in classes:
        parameters = inspect.signature(getattr(diffusers, name).__init__).parameters
        assert own == {field: parameters[field].default for field in own}


@pytest.mark.parametrize(
    ("part", "content", "message"),
    [
        ("transformer", {"patch_size": "2"}, r"^rules/transformer: expected a whole number for patch_size, got '2'"),
        ("transformer", {"patch_size_t": 1.5}, r"expected a whole number or null for patch_size_t, got 1\.5"),
        ("transformer", {"use_rotary_positional_embeddings": 1}, r"expected true or false for use_rotary"),
        ("vae", {"block_out_channels": [4, None]}, r"^rules/vae: expected a list of numbers for block_out_channels"),
        ("vae", {"scaling_factor": 0}, r"expected a number above 0 for scaling_factor, got 0\.0"),
        ("vae", {"scaling_factor": True}, r"expected a number for scaling_factor, got True"),
        ("scheduler", {"snr_shift_scale": None}, r"^rules/scheduler: expected a number for snr_shift_scale, got None"),
    ],
)
def test_a_value_of_another_type_is_named(part, content, message):
    with pytest.raises(ModelFolderError, match=message):
        rules(**{part: content})


def test_a_whole_number_is_a_number_too():
    assert rules(scheduler={"snr_shift_scale": 3}).scheduler.snr_shift_scale == 3.0


@pytest.mark.parametrize("error", [torch.cuda.OutOfMemoryError("none left"), RuntimeError("DefaultCPUAllocator: none")])
def test_memory_that_runs_out_is_not_called_a_damaged_file(error, monkeypatch):
    import diffusers

    def refuse(**_):
        raise error

    monkeypatch.setattr(diffusers, "CogVideoXDDIMScheduler", refuse)
    with pytest.raises(type(error)) as caught:
        published.PUBLISHED[0].make_scheduler("DDIM")
    assert caught.value is error
