"""Preview colors of latents: the fit, the file, and the demo's own."""

import sys

import pytest
import torch
from diffusers import AutoencoderKLCogVideoX
from small_models.demo_scripts import import_demo_script
from small_models.tiny_models import save_tiny_folder

from richspace_core import ModelFolderError, SamplingError
from richspace_core.cogvideox import fit_latent_preview
from richspace_core.cogvideox.folder import CogVideoXFolder
from richspace_core.cogvideox.latent_preview import (
    LatentColors,
    calibration_picture,
    encode_videos,
    false_color_preview,
    fit_latent_colors,
)


@pytest.fixture
def known():
    generator = torch.Generator().manual_seed(3)
    return LatentColors(torch.randn(4, 3, generator=generator) / 8, torch.tensor([0.4, 0.5, 0.6]))


def video_of(colours, latents):
    """Return a video in the exact colors of its latents, twice as high and wide and with four times as many frames."""
    each = latents.movedim(1, -1) @ colours.weights + colours.bias  # [b, f, h, w, 3]
    large = each.repeat_interleave(2, dim=2).repeat_interleave(2, dim=3)
    return torch.cat([large[:, :1], large[:, 1:].repeat_interleave(4, dim=1)], dim=1)


def test_a_fit_recovers_the_colours_that_videos_were_made_with(known):
    latents = torch.randn(2, 4, 3, 5, 6, generator=torch.Generator().manual_seed(1))
    fitted = fit_latent_colors(latents, video_of(known, latents))
    torch.testing.assert_close(fitted.weights, known.weights, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(fitted.bias, known.bias, rtol=1e-4, atol=1e-5)


def test_a_picture_shows_the_middle_frame(known):
    latents = torch.randn(1, 4, 3, 5, 6, generator=torch.Generator().manual_seed(1)) / 4
    picture = known.picture(latents)
    torch.testing.assert_close(picture, video_of(known, latents)[0, 1, ::2, ::2].clamp(0, 1))


def test_what_is_not_finite_is_grey(known):
    assert torch.equal(known.picture(torch.full((1, 4, 1, 2, 2), torch.nan)), torch.full((2, 2, 3), 0.5))


def test_what_does_not_belong_together_is_refused():
    video = torch.zeros(1, 8, 4, 4, 3)
    for latents in (torch.zeros(1, 4, 3, 2, 2), torch.zeros(2, 4, 2, 2, 2), torch.zeros(4, 2, 2)):
        with pytest.raises(SamplingError, match=r"^latents: expected \[b, c, f, h, w\] of the videos"):
            fit_latent_colors(latents, video)


def test_a_file_keeps_them(known, tmp_path):
    known.save(tmp_path / "colours.json")
    read = LatentColors.read(tmp_path / "colours.json", channels=4)
    torch.testing.assert_close(read.weights, known.weights, rtol=0, atol=1e-5)
    torch.testing.assert_close(read.bias, known.bias, rtol=0, atol=1e-5)
    assert LatentColors.read(tmp_path / "none.json", channels=4) is None


@pytest.mark.parametrize(
    "content", ["no", "[]", '{"weights": [[1, 2, 3]]}', '{"weights": [[1, 2, 3]], "bias": [1, 2, 3]}']
)
def test_another_file_is_refused_with_what_to_do(tmp_path, content):
    (tmp_path / "colours.json").write_text(content)
    with pytest.raises(ModelFolderError, match=r"expected weights of 4 channels by 3 colors, .* Delete the file"):
        LatentColors.read(tmp_path / "colours.json", channels=4)


def test_the_calibration_picture_has_all_colours():
    picture = calibration_picture(64, 96)
    assert picture.shape == (1, 64, 96, 3)
    corners = (picture.flatten(0, 2) > 0.5).unique(dim=0)
    assert len(corners) == 8  # dark and bright in every channel, in every combination
    assert torch.equal(picture, calibration_picture(64, 96))


def test_the_demo_s_colours_are_what_its_script_fits(root):
    script = import_demo_script("fit_latent_preview")
    kept = CogVideoXFolder.open(root / "demo_model").load_latent_colors()
    fitted = script.fit()
    torch.testing.assert_close(kept.weights, fitted.weights, rtol=0, atol=1e-3)
    torch.testing.assert_close(kept.bias, fitted.bias, rtol=0, atol=1e-3)


def test_the_script_writes_those_of_any_folder(tmp_path, monkeypatch):
    folder = save_tiny_folder(tmp_path / "mine")
    monkeypatch.setattr(sys, "argv", ["fit_latent_preview", str(folder)])
    fit_latent_preview.main()
    colours = CogVideoXFolder.open(folder).load_latent_colors()
    picture = calibration_picture(128, 128)
    vae = AutoencoderKLCogVideoX.from_pretrained(folder / "vae")
    latents = encode_videos(vae, picture[None])
    small = torch.nn.functional.interpolate(picture.movedim(-1, 1), (16, 16), mode="area")[0].movedim(0, -1)
    grey = (small - small.mean()).abs().mean()
    assert (colours.picture(latents) - small).abs().mean() < grey  # better than to say nothing


class TestFalseColors:
    @pytest.fixture
    def latents(self):
        generator = torch.Generator().manual_seed(1)
        # Strong and weak channels, as latents have them: components that are well apart.
        return torch.randn(1, 16, 5, 8, 12, generator=generator) * torch.linspace(3, 0.3, 16)[:, None, None, None]

    @pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
    def test_a_small_picture(self, dtype, latents):
        picture = false_color_preview(latents.to(dtype))
        assert (picture.shape, picture.dtype, picture.device.type) == ((8, 12, 3), torch.float32, "cpu")
        assert float(picture.min()) >= 0
        assert float(picture.max()) <= 1
        assert (picture.flatten(0, 1).std(dim=0) > 0.1).all()  # each colour shows something

    def test_of_the_middle_frame(self, latents):
        picture = false_color_preview(latents)
        assert torch.equal(false_color_preview(latents[:, :, 2:3]), picture)
        assert not torch.equal(false_color_preview(latents[:, :, 1:2]), picture)

    def test_is_the_same_each_time(self, latents):
        before = latents.clone()
        assert torch.equal(false_color_preview(latents), false_color_preview(latents))
        assert torch.equal(latents, before)

    def test_is_what_principal_components_give(self, latents):
        pixels = latents[0, :, 2].flatten(1).T.double()
        left, _, _ = torch.linalg.svd(pixels - pixels.mean(dim=0), full_matrices=False)
        picture = false_color_preview(latents).flatten(0, 1).double()
        for colour in range(3):
            unclipped = (picture[:, colour] > 0) & (picture[:, colour] < 1)
            pair = torch.stack([picture[unclipped, colour], left[unclipped, colour]])
            assert abs(float(torch.corrcoef(pair)[0, 1])) > 0.9999  # the sign is the preview's own to choose

    def test_colours_do_not_flip_from_step_to_step(self, latents):
        picture = false_color_preview(latents)
        for seed in range(10):
            generator = torch.Generator().manual_seed(seed)
            step = latents + 0.01 * torch.randn(latents.shape, generator=generator)
            torch.testing.assert_close(false_color_preview(step), picture, rtol=0, atol=0.05)
            # The order of channels is no part of the picture, but decides which sign a solver returns.
            order = torch.randperm(16, generator=generator)
            torch.testing.assert_close(false_color_preview(latents[:, order]), picture, rtol=0, atol=1e-3)

    def test_three_channels_are_enough(self, latents):
        assert false_color_preview(latents[:, :3]).shape == (8, 12, 3)

    def test_flat_latents_are_grey(self):
        picture = false_color_preview(torch.full((1, 16, 3, 4, 6), 0.7))
        # A mean of equal numbers is off by a rounding, which the preview's own limit keeps from being blown up.
        torch.testing.assert_close(picture, torch.full((4, 6, 3), 0.5), rtol=0, atol=0.1)

    @pytest.mark.parametrize("value", [torch.nan, torch.inf])
    def test_overflown_latents_are_grey(self, value, latents):
        latents[0, 3, 2, 1, 1] = value
        assert torch.equal(false_color_preview(latents), torch.full((8, 12, 3), 0.5))
