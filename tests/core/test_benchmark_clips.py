"""The folder of finished clips: what is whole is kept, and what is not is made anew."""

from dataclasses import replace

import pytest
import torch

from richspace_core import TextEmbedding
from richspace_core.benchmark.clips import LATENTS, STRIP, VIDEO, ClipJob, ClipKeys, ClipName, ClipStore, RenderedClip

NAME, KEYS = ClipName("Tiger+Zebra", "optimum", 3), ClipKeys(render="r", score="s")
EMBEDDING = TextEmbedding(torch.ones(2, 3), token_count=1)
CLIP = RenderedClip({LATENTS: b"latents", VIDEO: b"video", STRIP: b"strip"}, {"subject consistency": 0.1 + 0.2}, 1.5)


@pytest.fixture
def store(tmp_path):
    return ClipStore(tmp_path / "clips")


@pytest.fixture
def saved(store):
    return store.save(ClipJob(NAME, EMBEDDING, EMBEDDING, KEYS), CLIP)


def test_what_was_saved_is_known_again(store, saved):
    assert store.record(NAME, KEYS) == ClipStore(store.root).record(NAME, KEYS) == saved
    assert saved.scores == CLIP.scores  # to the last bit
    assert store.latents(NAME, KEYS) == b"latents"
    assert store.path(NAME, VIDEO).read_bytes() == b"video"
    assert not list(store.root.rglob("*.part"))


@pytest.mark.usefixtures("saved")
@pytest.mark.parametrize("change", [{"arm": "direct"}, {"seed": 4}, {"mixture": "x"}])
def test_nothing_is_known_of_other_clips(change, store):
    other = replace(NAME, **change)
    assert store.record(other, KEYS) is None
    assert store.latents(other, KEYS) is None


@pytest.mark.usefixtures("saved")
@pytest.mark.parametrize("file", [LATENTS, VIDEO, STRIP, "clip.json"])
@pytest.mark.parametrize("damage", ["gone", "cut", "changed"])
def test_a_damaged_clip_is_none(file, damage, store):
    path = store.path(NAME, file)
    content = path.read_bytes()
    if damage == "gone":
        path.unlink()
    else:
        path.write_bytes(content[:-2] if damage == "cut" else content[::-1])
    assert store.record(NAME, KEYS) is None
    whole = {VIDEO, STRIP} & {file}  # the latents are as good as before, and their record says so
    assert store.latents(NAME, KEYS) == (b"latents" if whole else None)


@pytest.mark.usefixtures("saved")
def test_a_clip_of_other_things_is_none(store):
    assert store.record(NAME, ClipKeys(render="other", score="s")) is None
    assert store.latents(NAME, ClipKeys(render="other", score="s")) is None


@pytest.mark.usefixtures("saved")
def test_a_clip_with_other_scores_need_not_be_sampled_again(store):
    rescored = ClipKeys(render="r", score="other")
    assert store.record(NAME, rescored) is None
    assert store.latents(NAME, rescored) == b"latents"


def test_a_clip_that_is_cut_off_while_it_is_saved_is_none(store, saved):
    class Full(dict):
        def items(self):
            yield VIDEO, b"another video"
            raise OSError("no space left on device")

    job = ClipJob(NAME, EMBEDDING, EMBEDDING, KEYS)
    with pytest.raises(OSError, match="no space"):
        store.save(job, RenderedClip(Full(), {}, 0.0))
    assert store.record(NAME, KEYS) is None
    assert store.save(job, CLIP) == store.record(NAME, KEYS) == saved


def test_no_two_names_share_a_folder():
    names = ["Tiger+Zebra", "Tiger/Zebra", "Tiger:Zebra", "Tiger Zebra", "../Tiger", "虎", "馬", "x" * 80, "x" * 81]
    folders = [ClipName(name, "optimum", 0).folder for name in names]
    assert len({str(folder).lower() for folder in folders}) == len(names)
    assert all(len(folder.parts) == 2 and ".." not in folder.parts for folder in folders)
    assert str(ClipName("Tiger+Zebra", "direct", 1).folder.as_posix()) == "Tiger+Zebra/direct-seed1"
