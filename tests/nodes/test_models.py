"""Models that the loader finds in ComfyUI's folders, models that it refuses, and errors for broken models."""

import json
import shutil
from pathlib import Path

import pytest
from environment.checkout import ROOT, link_folder
from node_runs import results
from safetensors.torch import load_file, save_file

DENOISER = "transformer/diffusion_pytorch_model.safetensors"
REFUSED_NAMES = ("../../etc", "..", ".", "", "/etc", "C:\\Windows", "sub/../../secret", "tiny-2b/transformer")


@pytest.fixture
def loader(nodes_by_id):
    return nodes_by_id["RichSpaceLoadCogVideoX"]


@pytest.fixture
def folder(diffusers_folder, tiny_folders):
    """Copy a model that the test can damage."""
    return shutil.copytree(tiny_folders["2b"], diffusers_folder / "mine")


def change_json(file, **changes):
    file.write_text(json.dumps(json.loads(file.read_text()) | changes))


class TestWhatIsOffered:
    def test_the_bundled_demo_is_always_there_and_first(self, models, diffusers_folder):  # noqa: ARG002
        (name, folder), *others = models.model_folders().items()
        assert name == models.DEMO
        assert (folder / "model_index.json").is_file()
        assert not others

    def test_folders_at_any_depth_that_people_use(self, models, diffusers_folder, tiny_folders):
        for name in ("plain", "THUDM/CogVideoX-2b", "hub/models/snapshots/abc"):
            (diffusers_folder / name).parent.mkdir(parents=True, exist_ok=True)
            link_folder(diffusers_folder / name, tiny_folders["2b"])
        assert list(models.model_folders()) == [models.DEMO, "THUDM/CogVideoX-2b", "hub/models/snapshots/abc", "plain"]

    def test_no_other_model(self, models, folder):
        change_json(folder / "model_index.json", _class_name="StableDiffusionXLPipeline")
        assert list(models.model_folders()) == [models.DEMO]

    def test_a_broken_one_too_so_that_the_artist_learns_why(self, models, folder):
        (folder / "model_index.json").write_text("{")
        assert list(models.model_folders()) == [models.DEMO, "mine"]

    def test_no_part_of_a_model(self, models, folder):
        shutil.copy(folder / "model_index.json", folder / "transformer")
        assert list(models.model_folders()) == [models.DEMO, "mine"]

    def test_the_first_folder_wins_where_two_have_the_same_name(self, models, folder, tmp_path, tiny_folders):
        import folder_paths

        second = tmp_path / "second"
        second.mkdir()
        link_folder(second / "mine", tiny_folders["5b"])
        folder_paths.add_model_folder_path("diffusers", str(second))
        try:
            assert models.model_folders()["mine"] == folder
        finally:
            folder_paths.folder_names_and_paths["diffusers"][0].remove(str(second))

    def test_a_folder_that_is_not_there_is_no_error(self, models, diffusers_folder):
        diffusers_folder.rmdir()
        try:
            assert list(models.model_folders()) == [models.DEMO]
        finally:
            diffusers_folder.mkdir()


class TestPathsOutside:
    @pytest.mark.parametrize("name", REFUSED_NAMES)
    def test_are_refused(self, loader, core, load_model, name):
        load_model()  # so that there is something beside the demo
        with pytest.raises(
            core.ModelFolderError, match=r"^model: expected one of bundled demo, tiny-2b, got .*Put the"
        ):
            results(loader, model=name)

    def test_are_refused_where_a_model_lies_there(self, loader, core, diffusers_folder, tiny_folders):
        outside = diffusers_folder.parent / "outside"
        link_folder(outside, tiny_folders["2b"])
        for name in ("../outside", str(outside)):
            with pytest.raises(core.ModelFolderError, match=r"^model: expected one of"):
                results(loader, model=name)

    def test_the_message_says_where_models_go(self, loader, core, diffusers_folder):
        with pytest.raises(core.ModelFolderError) as caught:
            results(loader, model="CogVideoX-2b")
        assert str(diffusers_folder) in str(caught.value)
        assert "refresh the page" in str(caught.value)

    def test_the_message_on_a_published_model_ends_with_the_command_that_downloads_it(self, loader, core):
        target = diffusers_root() / "CogVideoX1.5-5B"
        for name in ("CogVideoX1.5-5B", "zai-org\\cogvideox1.5-5b", "../CogVideoX1.5-5B", "a&b/CogVideoX1.5-5B"):
            with pytest.raises(core.ModelFolderError) as caught:
                results(loader, model=name)
            assert "(about 31 GB)" in str(caught.value)
            assert str(caught.value).endswith(f"hf download zai-org/CogVideoX1.5-5B --local-dir {target}")

    @pytest.mark.parametrize("name", ["zai-org/CogVideoX-2b", "video/models/zai-org/CogVideoX-2b", "cogvideox-2b"])
    def test_after_the_command_the_model_has_the_workflow_s_name(self, loader, core, models, name):
        with pytest.raises(core.ModelFolderError) as caught:
            results(loader, model=name)
        target = Path(str(caught.value).rpartition(" --local-dir ")[2])
        assert target == diffusers_root() / name
        target.parent.mkdir(parents=True, exist_ok=True)
        link_folder(target, ROOT / "demo_model")
        try:
            assert models.find_model(name) == target
        finally:
            target.unlink()


def diffusers_root():
    """Return the folder for which the commands are made."""
    import folder_paths

    return Path(folder_paths.get_folder_paths("diffusers")[0])


class TestMissingModels:
    """What the page shows about a choice that is not in the list."""

    @pytest.mark.parametrize("node", ["RichSpaceLoadCogVideoX", "RichSpaceLoadCogVideoXNative"])
    def test_every_published_model_has_a_note_with_its_size_and_folder(self, nodes_by_id, node):
        notes = nodes_by_id[node].GET_NODE_INFO_V1()["input"]["required"]["model"][1]["richspace_missing"]
        for name, size in {"CogVideoX-2b": 14, "CogVideoX-5b": 22, "CogVideoX1.5-5B": 31}.items():
            text = notes[name.lower()]["text"]
            assert text.startswith(f"{name} is not installed.")
            assert f"models/diffusers/{name} (about {size} GB)" in text
            assert "model_index.json, scheduler, text_encoder, tokenizer, transformer and vae" in text
            assert f"download zai-org/{name} --local-dir " in notes[name.lower()]["command"]

    def test_only_the_loader_of_single_files_has_notes_on_them(self, nodes_by_id):
        file = "cogvideox_1_5_5b_t2v_bf16.safetensors"
        ours, native = (
            nodes_by_id[node].GET_NODE_INFO_V1()["input"]["required"]["model"][1]["richspace_missing"]
            for node in ("RichSpaceLoadCogVideoX", "RichSpaceLoadCogVideoXNative")
        )
        assert file not in ours
        assert "in models/diffusion_models (about 11 GB)" in native[file]["text"]
        assert native[file]["command"].endswith("diffusion_models")
        assert [name for name, note in native.items() if note["is_file"]] == [file]

    def test_a_note_has_the_place_that_a_workflow_names(self, nodes_by_id):
        """The page puts the place in, see `test_choice_notes.py`."""
        info = nodes_by_id["RichSpaceLoadCogVideoXNative"].GET_NODE_INFO_V1()
        notes = info["input"]["required"]["model"][1]["richspace_missing"]
        folder, file = (notes[name]["elsewhere"] for name in ("cogvideox-5b", "cogvideox_1_5_5b_t2v_bf16.safetensors"))
        assert folder["text"].startswith("@place@ is not installed.")
        assert "in models/diffusers/@place@ (about 22 GB)" in folder["text"]
        assert folder["command"].endswith(f"--local-dir {diffusers_root() / '@place@'}")
        assert "in models/diffusion_models/@place@ (about 11 GB)" in file["text"]
        assert Path(file["command"].rpartition(" ")[2]).parts[-2:] == ("diffusion_models", "@place@")

    def test_any_other_model_has_a_note_without_a_command(self, nodes_by_id):
        info = nodes_by_id["RichSpaceLoadCogVideoX"].GET_NODE_INFO_V1()
        note = info["input"]["required"]["model"][1]["richspace_missing"][""]
        assert note["text"].startswith("This model is not installed. Choose another one, or put it in ")
        assert note["command"] == ""


def another_pipeline(folder):
    change_json(folder / "model_index.json", _class_name="CogVideoXImageToVideoPipeline")


def no_index(folder):
    (folder / "model_index.json").write_text("not JSON")


def no_weights(folder):
    (folder / DENOISER).unlink()


def truncated(folder):
    file = folder / DENOISER
    file.write_bytes(file.read_bytes()[:-1000])


def pickled(folder):
    file = folder / DENOISER
    file.rename(file.with_suffix(".bin"))


def unfinished_download(folder):
    file = folder / DENOISER
    index = {"weight_map": {"a": "part-1.safetensors", "b": "part-2.safetensors"}}
    file.rename(file.with_name("part-1.safetensors"))
    file.with_name(file.name + ".index.json").write_text(json.dumps(index))


def no_tokenizer(folder):
    shutil.rmtree(folder / "tokenizer")


def no_vae_config(folder):
    (folder / "vae" / "config.json").unlink()


def another_vae(folder):
    change_json(folder / "vae" / "config.json", _class_name="AutoencoderKL")


BROKEN = {
    another_pipeline: r"^mine: expected a text-to-video CogVideoXPipeline .* got CogVideoXImageToVideoPipeline\.",
    no_index: r"^mine/model_index\.json: expected JSON, got something else\. The file is damaged: download it again\.",
    no_weights: r"^mine/transformer: expected weights in diffusion_pytorch_model\.safetensors, got no weights\.",
    truncated: r"^transformer/diffusion_pytorch_model\.safetensors: .* got a damaged or truncated file of .*Delete it",
    pickled: r"^mine/transformer: .*got pickled weights \(diffusion_pytorch_model\.bin\), which can run",
    unfinished_download: r"^mine/transformer: expected the 2 weight files .*a folder without part-2\.safetensors\.",
    no_tokenizer: r"^mine/tokenizer: expected spiece\.model or tokenizer\.json, got neither\.",
    no_vae_config: r"^vae/config\.json: expected a file, got nothing that can be read\.",
    another_vae: r"^mine/vae: expected AutoencoderKLCogVideoX, got AutoencoderKL\.",
}


class TestBrokenFolders:
    @pytest.mark.parametrize("spoil", BROKEN, ids=lambda spoil: spoil.__name__)
    def test_are_told_before_anything_is_loaded(self, loader, core, folder, uses, spoil):
        spoil(folder)
        with pytest.raises(core.ModelFolderError, match=BROKEN[spoil]):
            results(loader, model="mine")
        assert not uses

    def test_a_weight_that_the_file_lacks(self, loader, core, folder):
        weights = load_file(folder / DENOISER)
        del weights["proj_out.weight"]
        save_file(weights, folder / DENOISER, metadata={"format": "pt"})
        model, _ = results(loader, model="mine")
        with pytest.raises(core.ModelFolderError, match=r"^mine/transformer: .*got a file without proj_out\.weight"):
            model.transformer.loaded()

    def test_a_weight_of_another_shape(self, loader, core, folder):
        change_json(folder / "transformer" / "config.json", text_embed_dim=48)
        model, _ = results(loader, model="mine")
        with pytest.raises(core.ModelFolderError, match=r"^mine/transformer: "):
            model.transformer.loaded()

    def test_a_repaired_one_loads(self, loader, core, folder, tiny_folders):
        truncated(folder)
        with pytest.raises(core.ModelFolderError):
            results(loader, model="mine")
        shutil.copy(tiny_folders["2b"] / DENOISER, folder / DENOISER)
        model, _ = results(loader, model="mine")
        assert sum(weight.numel() for weight in model.transformer.loaded().parameters()) > 10_000
