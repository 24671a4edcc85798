"""Drafts of a tiny CogVideoX against diffusers' own pipeline."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from pipeline_oracle import direct, host_layout, settings_of

from richspace_core import SamplingError, TextEmbedding
from richspace_core.cogvideox.drafts import SCHEDULE, make_drafter
from richspace_core.cogvideox.sampling import sample_latents
from richspace_core.finder.balance import share_seen

# diffusers 0.42 wants `dtype`, which 0.35, the oldest that the pack takes, does not know.
pytestmark = pytest.mark.filterwarnings("ignore:`torch_dtype` is deprecated:FutureWarning")


def drafter(model, *, steps, **settings):
    """Return the function that makes drafts: of the empty prompt (0) and of the prompt (1)."""
    candidates = [model.negative, model.positive]
    wanted = settings_of(model, steps=steps, **settings)
    return make_drafter(model.folder, model.transformer, candidates.__getitem__, model.negative, wanted, seed=3)


def test_a_draft_of_the_whole_schedule_is_its_video(model):
    draft = drafter(model, steps=SCHEDULE + 1)
    video = host_layout(direct(model, steps=SCHEDULE + 1, seed=3))
    torch.testing.assert_close(draft(1), video * model.folder.scaling_factor)
    assert torch.equal(draft(1), draft(1))  # the same noise every time
    assert not torch.equal(draft(0), draft(1))


@pytest.mark.parametrize("steps", [1, 2, 5])
def test_a_draft_ends_after_its_steps(model, steps):
    seen = []
    guidance = {} if steps > 1 else {"guidance_scale": 1.0}  # the first prediction does without
    sample_latents(
        model.folder,
        model.transformer,
        model.positive,
        model.negative,
        settings_of(model, steps=SCHEDULE, **guidance),
        seed=3,
        on_step=lambda *step: seen.append(step),
    )
    _, _, predicted = seen[steps - 1]
    assert torch.equal(drafter(model, steps=steps)(1), predicted)


def test_guidance_is_no_matter_in_the_first_prediction(model):
    """The share of A seen in a guided first prediction is that of the unguided one."""
    a, b = model.positive, model.negative
    middle = TextEmbedding((a.values + b.values) / 2, a.token_count)

    def video(positive, cfg):
        settings = replace(settings_of(model, steps=1), guidance_scale=cfg)
        return sample_latents(model.folder, model.transformer, positive, b, settings, seed=3)

    seen = [share_seen(*(video(each, cfg) for each in (middle, a, b))) for cfg in (1.0, 4.0, 9.0)]
    assert seen == pytest.approx([seen[0]] * 3, abs=1e-4)


def test_a_candidate_that_the_model_cannot_read_is_an_error(model):
    def candidate(_index):
        return TextEmbedding(torch.ones(3, 32), token_count=1)

    draft = make_drafter(model.folder, model.transformer, candidate, model.negative, settings_of(model), seed=0)
    with pytest.raises(SamplingError, match=r"^positive: expected an embedding of"):
        draft(4)
