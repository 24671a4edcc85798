"""Nodes of the metrics, with tiny networks in ComfyUI's own folders."""

import importlib
import json
import shutil
from pathlib import Path

import numpy
import pytest
import torch
from node_runs import results, run_node, says
from PIL import Image
from safetensors.torch import load_file, save_file
from small_models.vbench import VBENCH, place_weights, save_clip_b32

SUBJECT, AESTHETIC, COMPARE = "RichSpaceSubjectConsistency", "RichSpaceAestheticQuality", "RichSpaceCompare"
BACKGROUND = "RichSpaceBackgroundConsistency"
COLUMNS = ["subject consistency", "aesthetic quality", "background consistency", "temporal flickering"]


@pytest.fixture
def folders(tmp_path, host, monkeypatch):  # noqa: ARG001 - the host's modules must be importable first
    """Empty folders where ComfyUI looks for weights: {kind: folder}."""
    import folder_paths

    found = {}
    for kind in ("richspace", "clip_vision"):
        found[kind] = tmp_path / kind
        found[kind].mkdir()
        extensions = folder_paths.supported_pt_extensions
        monkeypatch.setitem(folder_paths.folder_names_and_paths, kind, ([str(found[kind])], extensions))
        folder_paths.filename_list_cache.pop(kind, None)
    return found


@pytest.fixture
def weights(folders):
    """The same folders with all weights."""
    place_weights(folders["richspace"].parent)
    return folders


@pytest.fixture(scope="module")
def frames():
    stored = {file.stem: numpy.load(file) for file in (VBENCH / "frames").glob("*.npy")}
    return {name: torch.from_numpy(pixels).float() / 255 for name, pixels in stored.items()}


def picture_of(shown):
    import folder_paths

    (picture,) = shown.ui["images"]
    with Image.open(Path(folder_paths.get_temp_directory()) / picture["subfolder"] / picture["filename"]) as image:
        return image.size


@pytest.mark.usefixtures("weights", "management")
class TestMetrics:
    @pytest.mark.parametrize(
        ("node_id", "metric", "backbone", "values", "title"),
        [
            (SUBJECT, "subject_consistency", "dino_tiny", 11, "subject consistency"),
            (AESTHETIC, "aesthetic_quality", "clip_tiny", 12, "aesthetic quality"),
        ],
    )
    def test_the_score_is_vbench_s(self, nodes_by_id, frames, node_id, metric, backbone, values, title):
        expected = json.loads((VBENCH / "reference.json").read_text())[metric][backbone]["land_96x160"]
        shown = run_node(nodes_by_id[node_id], frames=frames["land_96x160"])
        score, per_frame, plot = shown.result
        assert score == pytest.approx(expected, abs=1e-5)
        assert len(per_frame) == values
        assert sum(per_frame) / values == pytest.approx(score)
        assert plot.shape == (1, 320, 768, 3)
        assert picture_of(shown) == (768, 320)
        assert shown.ui["text"] == (f"{title} {score:.4f}",)

    def test_background_consistency_is_the_literal_formula(self, nodes_by_id, core, frames, weights):
        video = frames["land_96x160"]
        clip = core.metrics.load_clip(weights["clip_vision"] / "any other name.safetensors")
        pixels = core.metrics.preprocessing.preprocess_for_clip(video)
        features = [clip(picture[None])[0].double().numpy() for picture in pixels]

        def cosine(one, other):
            return one @ other / numpy.linalg.norm(one) / numpy.linalg.norm(other)

        expected = [
            (max(0, cosine(features[i - 1], features[i])) + max(0, cosine(features[0], features[i]))) / 2
            for i in range(1, len(video))
        ]
        shown = run_node(nodes_by_id[BACKGROUND], frames=video)
        score, per_frame, plot = shown.result
        assert per_frame == pytest.approx(expected, abs=1e-5)
        assert score == pytest.approx(sum(expected) / len(expected), abs=1e-5)
        assert plot.shape == (1, 320, 768, 3)
        assert shown.ui["text"] == (f"background consistency {score:.4f}",)

    def test_the_progress_is_shown_frame_by_frame(self, nodes_by_id, frames, progress):
        results(nodes_by_id[SUBJECT], frames=frames["land_96x160"])
        assert [event[:2] for event in progress] == [(8, 12), (12, 12)]

    def test_it_stops_when_cancelled(self, nodes_by_id, frames, progress, management):
        progress.on_step = lambda _: management.interrupt_current_processing()
        with pytest.raises(management.InterruptProcessingException):
            results(nodes_by_id[SUBJECT], frames=frames["land_96x160"])
        assert [event[0] for event in progress] == [8]

    def test_the_host_owns_the_weights(self, nodes_by_id, frames, management, monkeypatch):
        loaded = []
        load = management.load_models_gpu

        def recorded(models, **options):
            loaded.extend(type(patcher.model.module).__name__ for patcher in models)
            return load(models, **options)

        monkeypatch.setattr(management, "load_models_gpu", recorded)
        run_compare(nodes_by_id, [frames["flip_64"], frames["odd_97x131"]])
        assert loaded == ["DinoBackbone", "ClipBackbone", "ClipBackbone"]  # once for all videos

    def test_one_frame_is_refused(self, nodes_by_id, core, frames):
        with pytest.raises(core.RichSpaceError, match=r"^frames: expected at least 2 frames"):
            results(nodes_by_id[SUBJECT], frames=frames["single_64"])


class TestSpoiltWeights:
    @pytest.mark.usefixtures("management")
    def test_the_error_names_the_network(self, nodes_by_id, core, weights, frames):
        file = weights["richspace"] / "dino-vitb16" / "model.safetensors"
        spoilt = load_file(file)
        spoilt["layernorm.bias"].fill_(torch.nan)
        save_file(spoilt, file)
        with pytest.raises(core.RichSpaceError, match=r"^DINO ViT-B/16: expected finite features .*, got NaN, infin"):
            results(nodes_by_id[SUBJECT], frames=frames["flip_64"])


class TestMissingWeights:
    @pytest.mark.parametrize(
        ("node_id", "kind", "place", "source"),
        [
            (SUBJECT, "richspace", "model.safetensors: expected this file in {}/dino-vitb16", "facebook/dino-vitb16"),
            (AESTHETIC, "richspace", "sa_0_4_vit_l_14_linear.pth: expected this file in {}", "LAION-AI/aesthetic-pred"),
            (
                AESTHETIC,
                "clip_vision",
                "clip-vit-large-patch14.safetensors: expected this file in {}",
                "openai/clip-vit-large-patch14",
            ),
            (
                BACKGROUND,
                "clip_vision",
                "clip-vit-base-patch32.safetensors: expected this file in {}",
                "openai/clip-vit-base-patch32",
            ),
        ],
    )
    def test_the_error_says_which_goes_where(self, nodes_by_id, core, weights, frames, node_id, kind, place, source):
        folder = weights[kind]
        shutil.rmtree(folder)
        folder.mkdir()
        import folder_paths

        folder_paths.filename_list_cache.pop(kind, None)
        with pytest.raises(core.ModelFolderError) as caught:
            results(nodes_by_id[node_id], frames=frames["flip_64"])
        assert str(caught.value).startswith(place.format(folder))
        assert source in str(caught.value)

    @pytest.mark.usefixtures("management")
    def test_a_clip_of_another_width_is_passed_over(self, nodes_by_id, weights, frames):
        other = load_file(VBENCH / "clip_tiny.safetensors")
        other["visual_projection.weight"] = other["visual_projection.weight"][:512].contiguous()
        save_file(other, weights["clip_vision"] / "a, the first.safetensors")
        (weights["clip_vision"] / "a broken one.safetensors").write_bytes(b"nothing")
        assert results(nodes_by_id[AESTHETIC], frames=frames["flip_64"])[0] == pytest.approx(0.594497, abs=1e-5)

    @pytest.mark.usefixtures("management")
    def test_a_clip_of_other_patches_is_passed_over(self, nodes_by_id, weights, frames):
        expected = results(nodes_by_id[BACKGROUND], frames=frames["flip_64"])[0]
        save_clip_b32(weights["clip_vision"] / "a, the first.safetensors", patch=16)
        assert results(nodes_by_id[BACKGROUND], frames=frames["flip_64"])[0] == expected

    @pytest.mark.usefixtures("management")
    def test_every_folder_of_a_kind_is_searched(self, nodes_by_id, weights, frames, tmp_path):
        import folder_paths

        elsewhere = tmp_path / "elsewhere"
        elsewhere.mkdir()
        shutil.move(weights["richspace"] / "dino-vitb16", elsewhere)
        folder_paths.add_model_folder_path("richspace", str(elsewhere))
        assert results(nodes_by_id[SUBJECT], frames=frames["flip_64"])[0] == pytest.approx(0.822628, abs=1e-5)


def run_compare(nodes_by_id, *videos, names=""):
    wired = {f"video_{number}": video for number, video in enumerate(videos, start=1)}
    return run_node(nodes_by_id[COMPARE], videos=wired, names=[names], columns=[3], frame_width=[96])


@pytest.mark.usefixtures("management")
class TestCompare:
    @pytest.mark.usefixtures("weights")
    def test_a_row_for_each_video(self, nodes_by_id, core, frames):
        videos = [frames["flip_64"], frames["land_96x160"]]
        shown = run_compare(nodes_by_id, *([video] for video in videos), names="tiger\nzebra")
        picture, table = shown.result
        head, _, tiger, zebra = table.splitlines()
        assert head == f"| video | {' | '.join(COLUMNS)} |"
        assert tiger.replace("*", "").startswith("| tiger | 0.8226 | 0.5945 | ")
        assert zebra.replace("*", "").startswith("| zebra | 0.7046 | 0.5671 | ")
        assert picture_of(shown) == (picture.shape[2], picture.shape[1])
        assert shown.ui["richspace_report"] == ({"text": "", "warning": ""},)
        strip = core.drawing.contact_sheet.draw_contact_sheet(videos, ["tiger", "zebra"], columns=3, frame_width=96)
        assert torch.equal(picture[0, : len(strip), : strip.shape[1]], strip)

    @pytest.mark.usefixtures("folders")
    def test_a_list_on_one_socket_becomes_several_rows(self, nodes_by_id, frames):
        together = run_compare(nodes_by_id, [frames["flip_64"], frames["odd_97x131"]], None, [frames["crop_64x65"]])
        rows = together.result[1].split("\n\n")[0].splitlines()[2:]
        assert [row.split(" | ")[0] for row in rows] == ["| video 1", "| video 2", "| video 3"]

    def test_without_weights_it_says_what_is_missing_and_compares_what_it_can(self, nodes_by_id, frames, folders):
        shown = run_compare(nodes_by_id, [frames["flip_64"]])
        table, *lines = shown.result[1].split("\n\n")
        assert table.splitlines()[0] == "| video | temporal flickering |"
        assert [line.split(".")[0] for line in lines] == [f"Without {name}" for name in COLUMNS[:3]]
        assert str(folders["richspace"]) in lines[0]
        assert str(folders["clip_vision"]) in lines[2]
        assert "clip-vit-base-patch32" in lines[2]
        note = "No scores: their weights are missing or damaged. The help page says which files go where."
        assert shown.ui["richspace_report"] == ({"text": "", "warning": "", "note": note},)

    @pytest.mark.usefixtures("folders")
    def test_a_single_score_is_not_drawn(self, nodes_by_id, core, frames):
        """What needs no weights ranks a video by how little it moves, and that is no verdict on a mixture."""
        picture = run_compare(nodes_by_id, [frames["flip_64"]]).result[0][0]
        draw = core.drawing.comparison.draw_comparison
        assert torch.equal(picture, draw([frames["flip_64"]], ["video 1"], [], frames=3, frame_width=96))

    def test_some_scores_are_drawn_with_a_note_on_the_others(self, nodes_by_id, frames, weights):
        shutil.rmtree(weights["richspace"] / "dino-vitb16")
        shown = run_compare(nodes_by_id, [frames["flip_64"]])
        note = "Without subject consistency: weights are missing or damaged, see the help page."
        assert shown.ui["richspace_report"] == ({"text": "", "warning": "", "note": note},)
        assert shown.result[1].splitlines()[0] == f"| video | {' | '.join(COLUMNS[1:])} |"

    @pytest.mark.usefixtures("folders")
    def test_a_metric_that_is_added_to_the_registry_gets_a_column(self, nodes_by_id, core, frames, monkeypatch):
        registry = core.metrics.registry

        def measure(video):
            return core.metrics.FrameScores(video.mean((1, 2, 3)).double())

        metric = registry.Metric("brightness", "the frames are bright", (), measure)
        monkeypatch.setattr(registry, "METRICS", (*registry.METRICS, metric))
        head, _, row = run_compare(nodes_by_id, [frames["flip_64"]]).result[1].split("\n\n")[0].splitlines()
        assert head == "| video | temporal flickering | brightness |"
        assert row.endswith(f" | {frames['flip_64'].mean():.4f} |")

    @pytest.mark.usefixtures("folders")
    def test_no_video(self, nodes_by_id, core):
        with pytest.raises(core.RichSpaceError, match=r"^videos: expected at least one video"):
            run_compare(nodes_by_id, None)

    @pytest.mark.usefixtures("folders")
    def test_one_frame_is_named(self, nodes_by_id, core, frames):
        with pytest.raises(core.RichSpaceError, match=r"^video 2, frames: expected at least 2 frames"):
            run_compare(nodes_by_id, [frames["flip_64"]], [frames["single_64"]])


def test_the_folder_is_the_host_s(pack):
    import folder_paths

    importlib.import_module(f"{pack.__name__}.nodes.host.vision").register_folder()
    assert str(Path(folder_paths.models_dir, "richspace")) in folder_paths.get_folder_paths("richspace")


def test_a_score_is_said_on_the_node(nodes_by_id, weights, frames, management):  # noqa: ARG001 - they are there
    assert says(nodes_by_id[SUBJECT], frames=frames["flip_64"]) == "subject consistency 0.8226"
