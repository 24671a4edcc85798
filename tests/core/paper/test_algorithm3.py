"""Algorithm 3: its noise, the number and order of its steps, and its condition."""

import pytest
import torch

from richspace_core.errors import RichSpaceError, SamplingError
from richspace_core.paper import TextToVideoModel, optimal_finder, video_interpolation

SHAPE = (2, 4, 6, 3)
IDS = (2, 3, 1)


@pytest.fixture
def embeddings():
    return torch.randn(3, 4, 5, generator=torch.Generator().manual_seed(7), dtype=torch.float64) + 1


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def test_t_runs_over_as_many_steps_as_t_says(embeddings):
    seen = []

    def f_theta(z, e_opt, t):
        seen.append((t, e_opt))
        return z

    video_interpolation(*embeddings, *IDS, T=5, f_theta=f_theta, shape=SHAPE, generator=seeded())
    assert [t for t, _ in seen] == [5, 4, 3, 2, 1]
    expected = optimal_finder(*embeddings, *IDS).E_opt
    assert all(torch.equal(e_opt, expected) for _, e_opt in seen)


def test_the_number_of_interpolations_reaches_the_finder(embeddings):
    expected = optimal_finder(*embeddings, *IDS, k=7).E_opt
    assert not torch.equal(expected, optimal_finder(*embeddings, *IDS).E_opt)
    video = video_interpolation(
        *embeddings, *IDS, k=7, T=1, f_theta=lambda z, e_opt, _t: 0 * z + e_opt.sum(), shape=SHAPE, generator=seeded()
    )
    assert torch.equal(video, torch.full(SHAPE, expected.sum().item(), dtype=torch.float64))


def test_each_step_takes_the_one_before(embeddings):
    # z <- 2 z + t for t = 3, 2, 1 from z_0: 8 z_0 + 4*3 + 2*2 + 1.
    video = video_interpolation(
        *embeddings, *IDS, T=3, f_theta=lambda z, _e_opt, t: 2 * z + t, shape=SHAPE, generator=seeded(3)
    )
    noise = torch.randn(SHAPE, generator=seeded(3), dtype=torch.float64)
    torch.testing.assert_close(video, 8 * noise + 17, rtol=0, atol=1e-13)


def test_the_noise_is_standard_normal_and_the_generators_alone(embeddings):
    torch.manual_seed(123)
    expected_global = torch.randn(3)
    torch.manual_seed(123)
    shape, generator = (4, 16, 16, 8), seeded(5)
    options = {"T": 1, "f_theta": lambda z, _e_opt, _t: z, "shape": shape}
    first = video_interpolation(*embeddings, *IDS, **options, generator=generator)
    second = video_interpolation(*embeddings, *IDS, **options, generator=generator)
    again = video_interpolation(*embeddings, *IDS, **options, generator=seeded(5))
    assert torch.equal(first, again)
    assert not torch.equal(first, second)
    # 8192 values: the mean's standard error is 0.011, the deviation's 0.008; five of each.
    assert abs(first.mean().item()) < 0.055
    assert abs(first.std().item() - 1) < 0.04
    assert torch.equal(torch.randn(3), expected_global)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_the_model_of_definition_5_8_can_be_the_denoiser(embeddings, dtype):
    model = TextToVideoModel(k_3d=1, d=5, c=3, generator=seeded(1), dtype=dtype)
    with torch.no_grad():
        video = video_interpolation(
            *embeddings.to(dtype), *IDS, T=1, f_theta=lambda z, e_t, _t: model(e_t, z), shape=SHAPE, generator=seeded()
        )
        noise = torch.randn(SHAPE, generator=seeded(), dtype=dtype)
        expected = model(optimal_finder(*embeddings.to(dtype), *IDS).E_opt, noise)
    assert torch.equal(video, expected)


@pytest.mark.parametrize(
    ("steps", "shape", "named"), [(0, SHAPE, "T"), (1, (0, 4, 6, 3), "n_f"), (1, (2, 4, -6, 3), "w"), (2.0, SHAPE, "T")]
)
def test_numbers_out_of_range(embeddings, steps, shape, named):
    with pytest.raises(RichSpaceError) as caught:
        video_interpolation(
            *embeddings, *IDS, T=steps, f_theta=lambda z, _e_opt, _t: z, shape=shape, generator=seeded()
        )
    assert caught.value.argument == named


def test_a_denoiser_that_changes_the_shape(embeddings):
    with pytest.raises(
        SamplingError, match=r"f_theta: expected a z of shape \[2, 4, 6, 3\], got \[1, 4, 6, 3\] at t = 2"
    ):
        video_interpolation(
            *embeddings, *IDS, T=2, f_theta=lambda z, _e_opt, _t: z[:1], shape=SHAPE, generator=seeded()
        )
