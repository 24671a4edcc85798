"""Folder of the finished clips: complete clips are kept, and others are made again."""

import json
import re
import shutil
from dataclasses import replace

import pytest
import torch

from richspace_core import RichSpaceError, TextEmbedding
from richspace_core.benchmark.clips import LATENTS, STRIP, VIDEO, ClipJob, ClipKeys, ClipName, RenderedClip
from richspace_core.benchmark.reasons import explain_remade_clips
from richspace_core.benchmark.records import RECORD
from richspace_core.benchmark.store import ClipState, ClipStore

NAME, KEYS = ClipName("Tiger+Zebra", "optimum", 3), ClipKeys(render="r", score="s")
EMBEDDING = TextEmbedding(torch.ones(2, 3), token_count=1)
CLIP = RenderedClip({LATENTS: b"latents", VIDEO: b"video", STRIP: b"strip"}, {"subject consistency": 0.1 + 0.2}, 1.5)
JOB = ClipJob(NAME, EMBEDDING, EMBEDDING, KEYS)


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
    whole = {VIDEO, STRIP} & {file}  # the latents and their record are undamaged
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


def edit(store, change, name=NAME):
    """Change a record as in an editor, without updating its checksum."""
    path = store.path(name, RECORD)
    content = json.loads(path.read_text(encoding="utf-8"))
    change(content)
    path.write_text(json.dumps(content, indent=2), encoding="utf-8")


def reason(store, keys=KEYS):
    return store.state(NAME, keys).reason


def test_a_clip_that_was_never_made_needs_no_reason(store):
    assert store.state(NAME, KEYS) == ClipState()


def test_a_finished_clip_needs_no_reason(store, saved):
    assert store.state(NAME, KEYS) == ClipState(saved, has_latents=True)


@pytest.mark.usefixtures("saved")
@pytest.mark.parametrize(
    ("key", "value"),
    [("scores", {"subject consistency": 0.9}), ("seconds", 0.1), ("render", "other"), ("files", {}), ("seed", 4)],
)
def test_an_edited_record_is_not_believed(key, value, store):
    edit(store, lambda content: content.update({key: value}))
    state = store.state(NAME, KEYS)
    assert (state.record, state.has_latents) == (None, False)
    assert state.reason == "clip.json was edited or damaged: its contents do not match its checksum"


def test_the_candidates_of_the_balance_are_kept(store):
    name = replace(NAME, arm="balance")
    saved = store.save(replace(JOB, name=name), replace(CLIP, indices=(15, 19)))
    assert store.record(name, KEYS) == saved
    assert saved.indices == (15, 19)
    assert json.loads(store.path(name, RECORD).read_text(encoding="utf-8"))["indices"] == [15, 19]


@pytest.mark.usefixtures("saved")
def test_records_of_the_papers_arms_look_as_in_earlier_versions(store):
    """So both versions can read them."""
    assert set(json.loads(store.path(NAME, RECORD).read_text(encoding="utf-8"))) == {
        *("mixture", "arm", "seed", "render", "score", "scores", "seconds", "files", "sha256")
    }


@pytest.mark.usefixtures("saved")
def test_a_record_that_looks_different_and_says_the_same_is_believed(store, saved):
    path = store.path(NAME, RECORD)
    content = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps(dict(reversed(content.items()))), encoding="utf-8")
    assert store.record(NAME, KEYS) == saved


@pytest.mark.usefixtures("saved")
def test_a_record_of_an_earlier_version_keeps_its_latents_and_loses_its_scores(store):
    edit(store, lambda content: content.pop("sha256"))
    assert store.record(NAME, KEYS) is None
    assert store.latents(NAME, KEYS) == b"latents"
    assert reason(store) == "clip.json is from an earlier version and has no checksum of its scores"


@pytest.mark.usefixtures("saved")
@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("scores", [0.5]),
        ("scores", {"subject consistency": "0.5"}),
        ("scores", {"subject consistency": float("nan")}),
        ("files", ["video.mp4"]),
        ("files", {"video.mp4": 3}),
        ("arm", "other"),
        ("indices", 15),
        ("indices", [1.5]),
        ("indices", [0]),
        ("seed", "3"),
        ("seconds", None),
        ("mixture", ["Tiger+Zebra"]),
    ],
)
def test_values_of_the_wrong_type_are_found_without_a_checksum(key, value, store):
    edit(store, lambda content: (content.pop("sha256"), content.update({key: value})))
    assert reason(store) == "clip.json was edited or damaged: a value has the wrong type"


@pytest.mark.usefixtures("saved")
@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"", "clip.json was edited or damaged: it is not JSON"),
        (b"\xff\xfe", "clip.json was edited or damaged: it is not JSON"),
        (b"[" * 100_000, "clip.json was edited or damaged: it is not JSON"),
        (b"[]", "clip.json was edited or damaged: it is not a JSON object"),
        (b"{}", "clip.json is from another version"),
        (b'{"version": 9}', "clip.json is from another version"),
    ],
)
def test_a_record_that_is_none(content, expected, store):
    store.path(NAME, RECORD).write_bytes(content)
    assert reason(store) == expected
    assert store.latents(NAME, KEYS) is None


@pytest.mark.usefixtures("saved")
def test_the_record_of_another_clip_is_not_taken(store):
    other = replace(NAME, mixture="Cat+Dog")
    shutil.copytree(store.path(NAME, RECORD).parent, store.path(other, RECORD).parent)
    assert store.state(other, KEYS).reason == "clip.json belongs to another clip (Tiger+Zebra, optimum, seed 3)"


@pytest.mark.usefixtures("saved")
def test_each_damage_has_its_reason(store):
    path = store.path(NAME, VIDEO)
    path.write_bytes(b"another video")
    assert reason(store) == "video.mp4 is not the file that clip.json describes"
    path.unlink()
    assert reason(store) == "video.mp4 is missing"
    path.mkdir()
    assert reason(store) == "video.mp4 cannot be read (Is a directory)"
    path.rmdir()
    store.path(NAME, RECORD).unlink()
    assert reason(store) == "it was not finished, or clip.json was deleted"


@pytest.mark.usefixtures("saved")
def test_other_settings_are_the_reason(store):
    assert reason(store, ClipKeys(render="other", score="s")).startswith(
        "it was made with other prompts, another model"
    )
    assert reason(store, ClipKeys(render="r", score="other")).startswith("it was scored with other metrics")


def test_a_clip_without_the_score_of_a_new_metric_keeps_its_latents(store, saved):
    both = ClipStore(store.root, ["subject consistency", "brightness"])
    assert both.state(NAME, KEYS) == ClipState(None, has_latents=True, reason="it has no score of brightness")
    assert ClipStore(store.root, ["subject consistency"]).record(NAME, KEYS) == saved


@pytest.mark.parametrize("place", ["Tiger+Zebra", "Tiger+Zebra/optimum-seed3"])
def test_a_file_in_the_place_of_a_clips_folder_is_an_error(place, store):
    store.require_room(NAME)
    (store.root / place).parent.mkdir(exist_ok=True)
    (store.root / place).write_text("a note", encoding="utf-8")
    assert store.state(NAME, KEYS) == ClipState()
    with pytest.raises(RichSpaceError, match=rf"out: expected a folder, .*{re.escape(place)}, got a file in its place"):
        store.require_room(NAME)


@pytest.mark.parametrize("file", [LATENTS, VIDEO, STRIP, RECORD])
def test_a_folder_in_the_place_of_a_clips_file_is_an_error(file, store):
    store.path(NAME, file).mkdir(parents=True)
    for call in (lambda: store.require_room(NAME), lambda: store.save(JOB, CLIP)):
        with pytest.raises(RichSpaceError, match=rf"out: expected a file, .*{file}, got a folder in its place"):
            call()


def test_the_lines_name_each_reason_once():
    seeds = [ClipName("Tiger+Zebra", "optimum", seed) for seed in range(7)]
    damaged, other = ClipState(reason="clip.json is damaged"), ClipState(None, True, "video.mp4 is missing")
    states = dict(zip(seeds, [ClipState(), *[damaged] * 5, other], strict=True))
    assert explain_remade_clips(states) == [
        "Rendering again: Tiger+Zebra, optimum, seed 1; Tiger+Zebra, optimum, seed 2; Tiger+Zebra, optimum, seed 3 "
        "and 2 more. Reason: clip.json is damaged.",
        "Decoding and scoring again (the latents are kept): Tiger+Zebra, optimum, seed 6. "
        "Reason: video.mp4 is missing.",
    ]
