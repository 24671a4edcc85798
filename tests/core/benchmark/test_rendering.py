"""Keys of a clip: they change with everything that it depends on, and only with that."""

from __future__ import annotations

from dataclasses import asdict, replace

import pytest
import torch
from small_models.tiny_models import DEMO_MODEL
from small_models.vbench import VBENCH

from richspace_core import TextEmbedding
from richspace_core.benchmark.hashes import hash_bytes, hash_json, hash_weights
from richspace_core.benchmark.rendering import RenderSettings
from richspace_core.cogvideox.config import VideoSize
from richspace_core.cogvideox.sampling import SamplingSettings

A, B = (TextEmbedding(torch.full((2, 3), value), token_count=1) for value in (1.0, 2.0))
SETTINGS = RenderSettings(DEMO_MODEL, SamplingSettings(VideoSize(64, 64, 9), steps=4, guidance_scale=4.0))
DINO, HEAD = VBENCH / "dino_tiny", VBENCH / "aesthetic_head_random.pth"
CLIP = VBENCH / "clip_tiny.safetensors"


@pytest.mark.parametrize(
    ("scoring", "listed"),
    [
        ({}, [None, None, None]),
        ({"dino": DINO}, [DINO, None, None]),
        ({"aesthetic-head": HEAD, "clip": CLIP}, [None, CLIP, HEAD]),
    ],
)
def test_keys_are_those_of_earlier_versions(scoring, listed):
    """The latents and the scores of earlier results stay valid."""
    embeddings = [hash_bytes(each.values.numpy().tobytes()) for each in (A, B)]
    parts = [hash_weights(DEMO_MODEL / part) for part in ("scheduler", "transformer", "vae")]
    made = [parts, asdict(SETTINGS.sampling), "auto", *embeddings, 7]
    keys = replace(SETTINGS, scoring=scoring).keys(A, B, 7)
    assert keys.render == hash_json(made)
    assert keys.score == hash_json([made, False, [path and hash_weights(path) for path in listed]])


def test_only_the_score_key_depends_on_the_metrics():
    all_keys = [
        replace(SETTINGS, **changes).keys(A, B, 0)
        for changes in (
            {},
            {"tiled": True},
            {"scoring": {"dino": DINO}},
            {"scoring": {"clip-b32": CLIP}},
            {"scoring": {"clip-b32": DINO}},
            {"scoring": {"new-network": CLIP}},
        )
    ]
    assert len({keys.render for keys in all_keys}) == 1
    assert len({keys.score for keys in all_keys}) == len(all_keys)


def test_the_scores_depend_on_the_drafts_of_the_prompts_if_there_are_any():
    without = SETTINGS.keys(A, B, 0)
    all_keys = [
        SETTINGS.keys(A, B, 0, [A, B]),
        SETTINGS.keys(A, B, 0, [B, A]),
        replace(SETTINGS, draft_steps=8).keys(A, B, 0, [A, B]),
        replace(SETTINGS, candidates=20).keys(A, B, 0, [A, B]),
    ]
    assert {keys.render for keys in all_keys} == {without.render}
    assert len({keys.score for keys in (without, *all_keys)}) == 5


def test_the_latents_of_the_balance_depend_on_the_search():
    all_keys = [
        SETTINGS.keys(None, B, 0, [A, B]),
        SETTINGS.keys(None, A, 0, [A, B]),
        SETTINGS.keys(None, B, 1, [A, B]),
        SETTINGS.keys(None, B, 0, [B, A]),
        replace(SETTINGS, draft_steps=8).keys(None, B, 0, [A, B]),
        replace(SETTINGS, candidates=20).keys(None, B, 0, [A, B]),
    ]
    assert len({keys.render for keys in all_keys}) == len(all_keys)
    assert len({keys.score for keys in all_keys}) == len(all_keys)


def test_both_keys_depend_on_everything_else():
    other = SamplingSettings(VideoSize(64, 64, 9), steps=5, guidance_scale=4.0)
    all_keys = [
        SETTINGS.keys(A, B, 0),
        SETTINGS.keys(B, A, 0),
        SETTINGS.keys(A, B, 1),
        replace(SETTINGS, sampling=other).keys(A, B, 0),
        replace(SETTINGS, dtype="bfloat16").keys(A, B, 0),
    ]
    assert len({keys.render for keys in all_keys}) == len(all_keys)
    assert len({keys.score for keys in all_keys}) == len(all_keys)
