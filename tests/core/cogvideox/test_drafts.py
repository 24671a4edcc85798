"""Drafts of a tiny CogVideoX against diffusers' own pipeline."""

from __future__ import annotations

import pytest
import torch
from pipeline_oracle import direct, host_layout, settings_of

from richspace_core import SamplingError, TextEmbedding
from richspace_core.cogvideox.drafts import make_drafter

# diffusers 0.42 wants `dtype`, which 0.35, the oldest that the pack takes, does not know.
pytestmark = pytest.mark.filterwarnings("ignore:`torch_dtype` is deprecated:FutureWarning")


@pytest.mark.parametrize("steps", [1, 2])
def test_a_draft_is_a_video_of_few_steps(steps, model):
    candidates = [model.negative, model.positive]
    draft = make_drafter(
        model.folder,
        model.transformer,
        candidates.__getitem__,
        model.negative,
        settings_of(model, steps=steps),
        seed=3,
    )
    expected = host_layout(direct(model, steps=steps, seed=3))
    assert torch.equal(draft(1), expected)
    assert torch.equal(draft(1), draft(1))  # the same noise every time
    assert not torch.equal(draft(0), draft(1))


def test_a_candidate_that_the_model_cannot_read_is_an_error(model):
    def candidate(_index):
        return TextEmbedding(torch.ones(3, 32), token_count=1)

    draft = make_drafter(model.folder, model.transformer, candidate, model.negative, settings_of(model), seed=0)
    with pytest.raises(SamplingError, match=r"^positive: expected an embedding of"):
        draft(4)
