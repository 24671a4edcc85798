"""Balance arm on the demo model, against literal loops over drafts that diffusers' pipeline samples."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from small_models.tiny_models import DEMO_MODEL

from richspace_core import RichSpaceError
from richspace_core.benchmark.balancing import balance_mixture
from richspace_core.benchmark.clips import LATENTS, ClipJob, ClipKeys, ClipName
from richspace_core.benchmark.media import decode_latents_file
from richspace_core.benchmark.rendering import ClipRenderer, RenderSettings
from richspace_core.benchmark.text_encoder import load_text_encoder
from richspace_core.cogvideox.config import VideoSize
from richspace_core.cogvideox.sampling import SamplingSettings, make_pipeline

SEED, CANDIDATES, DRAFT_STEPS = 5, 12, 8
SETTINGS = RenderSettings(
    DEMO_MODEL,
    SamplingSettings(VideoSize(64, 64, 9), steps=3, guidance_scale=4.0),
    device="cpu",
    draft_steps=DRAFT_STEPS,
    candidates=CANDIDATES,
)
TEXTS = ("a red circle", "a blue circle", "a striped square")


@pytest.fixture(scope="module")
def encoder():
    return load_text_encoder(DEMO_MODEL, dtype=torch.float32)


@pytest.fixture(scope="module")
def renderer():
    return ClipRenderer(SETTINGS)


@pytest.fixture(scope="module")
def negative(encoder):
    return encoder.encode("").embedding


@pytest.fixture
def sample(renderer, negative):
    """Sample latents ``[f, c, h, w]`` from the values of an embedding with diffusers' own pipeline."""

    def sample(values, steps):
        return (
            make_pipeline(renderer.folder, renderer.transformer)(
                prompt_embeds=values[None],
                negative_prompt_embeds=negative.values[None],
                width=64,
                height=64,
                num_frames=9,
                num_inference_steps=steps,
                guidance_scale=4.0,
                generator=torch.Generator().manual_seed(SEED),
                max_sequence_length=renderer.folder.text_length,
                output_type="latent",
            )
            .frames[0]
            .double()
        )

    return sample


def literal_share(x, a, b):
    return 1 - float(((x - a) * (b - a)).sum() / ((b - a) ** 2).sum())


def literal_search(sample, a, b, wanted):
    """Find the balance by regula falsi on the shares of all candidates; return it, and A's and B's drafts."""
    drafts = [
        sample((index / CANDIDATES) * a + ((CANDIDATES - index) / CANDIDATES) * b, DRAFT_STEPS)
        for index in range(CANDIDATES + 1)
    ]
    shares = [literal_share(draft, drafts[-1], drafts[0]) for draft in drafts]
    low, high, index, looked = 0, CANDIDATES, CANDIDATES // 2, []
    for _ in range(3):
        looked.append(index)
        low, high = (index, high) if shares[index] <= wanted else (low, index)
        crossing = low + (wanted - shares[low]) / (shares[high] - shares[low]) * (high - low)
        if any(abs(crossing - each) <= 1 / 2 for each in (low, high) if each in looked) or high - low < 2:
            break
        index = min(max(round(crossing), low + 1), high - 1)
    best = min(looked, key=lambda each: abs(shares[each] - wanted))
    return best, shares[best], drafts[-1], drafts[0]


def make_job(arm, embedding, prompts, negative, mixture="a mixture"):
    return ClipJob(ClipName(mixture, arm, SEED), embedding, negative, ClipKeys("r", "s"), prompts=tuple(prompts))


def mixed(a, b, index):
    return (index / CANDIDATES) * a + ((CANDIDATES - index) / CANDIDATES) * b


def test_the_balance_and_every_share_are_those_of_a_literal_search(encoder, renderer, negative, sample):
    a, b = (encoder.encode(text).embedding for text in TEXTS[:2])
    index, share, draft_a, draft_b = literal_search(sample, a.values, b.values, 1 / 2)
    clip = renderer.render(make_job("balance", None, (a, b), negative))
    assert clip.indices == (index,)
    assert clip.scores["share seen"] == pytest.approx(share, abs=1e-4)
    assert clip.scores["distance from balance"] == pytest.approx(abs(share - 1 / 2), abs=1e-4)
    latents = decode_latents_file(clip.files[LATENTS], "")[0].transpose(0, 1) * renderer.folder.scaling_factor
    torch.testing.assert_close(latents, sample(mixed(a.values, b.values, index), 3).float(), rtol=1e-3, atol=1e-3)

    guide = encoder.encode("a red and blue circle").embedding
    direct = renderer.render(make_job("direct", guide, (a, b), negative))
    expected = literal_share(sample(guide.values, DRAFT_STEPS), draft_a, draft_b)
    assert direct.scores["share seen"] == pytest.approx(expected, abs=1e-4)
    assert direct.indices == ()


def test_a_third_prompt_is_mixed_with_the_balance_of_the_first_two(encoder, renderer, negative, sample):
    a, b, c = prompts = [encoder.encode(text).embedding for text in TEXTS]
    first, *_ = literal_search(sample, a.values, b.values, 1 / 2)
    so_far = mixed(a.values, b.values, first)
    second, share, draft_a, draft_b = literal_search(sample, so_far, c.values, 2 / 3)
    clip = renderer.render(make_job("balance", None, prompts, negative, "three"))
    assert clip.indices == (first, second)
    assert clip.scores["share seen"] == pytest.approx(share, abs=1e-4)
    assert clip.scores["distance from balance"] == pytest.approx(abs(share - 2 / 3), abs=1e-4)
    of_a = renderer.render(make_job("optimum", a, prompts, negative, "three"))
    expected = literal_share(sample(a.values, DRAFT_STEPS), draft_a, draft_b)
    assert of_a.scores["share seen"] == pytest.approx(expected, abs=1e-4)


def test_the_arms_of_a_mixture_share_one_search(encoder, renderer, negative):
    prompts = [encoder.encode(text).embedding for text in TEXTS[:2]]
    steps = []
    hook = renderer.transformer.register_forward_pre_hook(lambda *_: steps.append(1))
    renderer.render(make_job("optimum", prompts[0], prompts, negative, "shared"))
    searched = len(steps) - 3 - DRAFT_STEPS  # without the clip and its own draft
    assert 3 * DRAFT_STEPS <= searched <= 5 * DRAFT_STEPS
    steps.clear()
    renderer.render(make_job("direct", prompts[1], prompts, negative, "shared"))
    renderer.render(make_job("balance", None, prompts, negative, "shared"))
    hook.remove()
    assert len(steps) == (3 + DRAFT_STEPS) + 3


def test_a_clip_without_prompts_has_no_share(encoder, renderer, negative):
    clip = renderer.render(make_job("direct", encoder.encode(TEXTS[0]).embedding, (), negative))
    assert set(clip.scores) == {"temporal flickering"}
    with pytest.raises(RichSpaceError, match=r"^a mixture, balance, seed 5: expected an embedding, or prompts"):
        renderer.render(make_job("balance", None, (), negative))


def test_prompts_with_the_same_drafts_name_the_mixture(encoder, renderer, negative):
    prompt = encoder.encode(TEXTS[0]).embedding
    with pytest.raises(RichSpaceError, match=r"^Same, seed 5, Balance, stage 1, A, B: expected prompts whose drafts"):
        renderer.render(make_job("balance", None, (prompt, prompt), negative, "Same"))


def test_four_prompts_are_mixed_to_equal_shares(encoder):
    """With drafts that show exactly what is mixed, each prompt has a quarter."""
    prompts = [
        replace(encoder.encode("a red circle").embedding, values=torch.eye(4)[[row]], token_count=1) for row in range(4)
    ]

    def make_drafter(candidate):
        return lambda index: candidate(index).values

    found = balance_mixture(prompts, make_drafter, steps=12)
    assert found.indices == (6, 8, 9)
    torch.testing.assert_close(found.embedding.values, torch.full((1, 4), 1 / 4))
    assert found.score(found.draft) == {
        "share seen": pytest.approx(3 / 4),
        "distance from balance": pytest.approx(0, abs=1e-6),
    }
