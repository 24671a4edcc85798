"""Saving and loading of conditionings in ComfyUI's folders."""

import os

import pytest
import torch
from conditionings import conditioning, extras_of, identical, random_prompts, values_of
from node_runs import results, says
from safetensors.torch import save_file


@pytest.fixture
def save(nodes_by_id):
    return nodes_by_id["RichSpaceSaveEmbedding"]


@pytest.fixture
def load(nodes_by_id):
    return nodes_by_id["RichSpaceLoadEmbedding"]


@pytest.fixture(autouse=True)
def folders(tmp_path, host, monkeypatch):  # noqa: ARG001 - ComfyUI's modules must be importable first
    """Make empty folders for saved files and for files from other people: (output, models)."""
    import folder_paths

    output, models = tmp_path / "output", tmp_path / "models"
    output.mkdir()
    models.mkdir()
    monkeypatch.setattr(folder_paths, "output_directory", str(output))
    monkeypatch.setitem(folder_paths.folder_names_and_paths, "richspace_embeddings", ([str(models)], set()))
    return output / "richspace_embeddings", models


def offered(load):
    (field,) = load.define_schema().inputs
    return field.options


class TestRoundTrip:
    @pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16], ids=str)
    def test_what_was_saved_is_on_the_list_and_comes_back(self, save, load, dtype):
        (prompt,) = random_prompts(count=1, dtype=dtype)
        (passed,) = results(save, conditioning=prompt)
        assert passed is prompt
        assert offered(load) == ["RichSpace_00001_.safetensors [output]"]
        loaded, about = results(load, file=offered(load)[0])
        assert identical(loaded, prompt)
        assert about.startswith("prompt 0\n8 tokens, 3 of them the prompt's own; width 6, ")

    def test_with_everything_that_belongs_to_it(self, save, load):
        mask = torch.tensor([[1, 1, 1, 1, 0, 0, 0, 0]])
        prompt = conditioning(values_of(random_prompts()[0]), 4, "x", pooled_output=torch.rand(1, 9))
        extras_of(prompt).update(attention_mask=mask)
        results(save, conditioning=prompt)
        assert identical(results(load, file=offered(load)[0])[0], prompt)

    def test_without_a_token_count(self, save, load):
        (prompt,) = random_prompts(count=1, counted=False)
        results(save, conditioning=prompt)
        loaded, _ = results(load, file=offered(load)[0])
        assert identical(loaded, prompt)
        assert "richspace" not in extras_of(loaded)

    def test_a_mixture_keeps_how_it_was_made(self, save, load, nodes_by_id):
        a, b, guide = random_prompts()
        mixture, index, _, scores = results(nodes_by_id["RichSpaceOptimalInterpolate"], a=a, b=b, guide=guide)
        results(save, conditioning=mixture, scores=scores)
        loaded, about = results(load, file=offered(load)[0])
        assert identical(loaded, mixture)
        assert f"{index} of 30: {index / 30:.0%} A (A: prompt 0, B: prompt 1)" in about

    def test_the_curves_are_in_the_file(self, save, core, folders, nodes_by_id):
        a, b, guide = random_prompts()
        mixture, *_, scores = results(nodes_by_id["RichSpaceOptimalInterpolate"], a=a, b=b, guide=guide, steps=7)
        results(save, conditioning=mixture, scores=scores)
        (record,) = core.embedding_file.load_embedding(folders[0] / "RichSpace_00001_.safetensors").mixtures
        seen = {curve.name: curve.values for curve in scores[0].curves}
        assert set(record.curves) == {"full", "truncated"}
        for name, values in record.curves.items():
            assert torch.tensor(values, dtype=torch.float64).equal(seen[name])

    def test_the_pack_s_version_is_in_the_file(self, save, load, root):
        results(save, conditioning=random_prompts()[0])
        _, about = results(load, file=offered(load)[0])
        version = about.rpartition(" ")[2]
        assert f'version = "{version}"' in (root / "pyproject.toml").read_text(encoding="utf-8")


class TestNames:
    def test_a_number_follows_so_that_nothing_is_overwritten(self, save, load):
        for _ in range(2):
            results(save, conditioning=random_prompts()[0], filename_prefix="cats/tiger")
        assert offered(load) == [f"cats/tiger_0000{number}_.safetensors [output]" for number in (1, 2)]

    def test_nothing_is_written_outside(self, save, folders):
        with pytest.raises(ValueError, match=r"^filename_prefix: expected .* got one that leads out of that folder"):
            results(save, conditioning=random_prompts()[0], filename_prefix="../../outside")
        assert not list(folders[0].parent.parent.rglob("*.safetensors"))

    def test_the_node_says_where_and_what(self, save):
        text = says(save, conditioning=random_prompts()[0])
        assert text.startswith("Saved as RichSpace_00001_.safetensors\nprompt 0\n")

    def test_several_entries_are_refused(self, save, core):
        a, b, _ = random_prompts()
        with pytest.raises(
            core.EmbeddingError, match=r"^conditioning: expected a conditioning with one prompt, got 2 prompts"
        ):
            results(save, conditioning=a + b)


class TestLoading:
    @pytest.fixture
    def other(self, save, folders):
        """Place a file from somebody else that has the same name as one's own."""
        output, models = folders
        results(save, conditioning=random_prompts()[1])
        return (output / "RichSpace_00001_.safetensors").rename(models / "RichSpace_00001_.safetensors")

    def test_other_people_s_files_are_told_from_one_s_own(self, save, load, other):
        results(save, conditioning=random_prompts()[0])
        own, others = offered(load)
        assert (own, others) == (f"{other.name} [output]", other.name)
        assert [results(load, file=name)[1].partition("\n")[0] for name in (own, others)] == ["prompt 0", "prompt 1"]

    def test_further_folders_of_the_host_are_looked_into(self, load, other, tmp_path):
        import folder_paths

        folder = tmp_path / "extra" / "deep"
        folder.mkdir(parents=True)
        other.rename(folder / "look.safetensors")
        folder_paths.add_model_folder_path("richspace_embeddings", str(tmp_path / "extra"))
        assert offered(load) == ["deep/look.safetensors"]
        results(load, file="deep/look.safetensors")

    def test_the_node_says_what_it_is(self, load, other):
        _, about = results(load, file=other.name)
        assert says(load, file=other.name) == about

    def test_a_file_that_has_changed_is_read_again(self, load, other):
        before = load.fingerprint_inputs(other.name)
        assert load.fingerprint_inputs(other.name) == before
        os.utime(other, ns=(1, 1))
        assert load.fingerprint_inputs(other.name) != before
        load.fingerprint_inputs("not there")

    @pytest.mark.parametrize("name", ["../models/x.safetensors", "/etc/passwd", "", "x.safetensors [output]"])
    def test_only_what_is_on_the_list(self, load, core, other, name):
        assert other.exists()
        with pytest.raises(core.EmbeddingError, match=r"^file: expected one of the files in the list, got "):
            results(load, file=name)

    def test_another_kind_of_file_is_named(self, load, core, folders):
        save_file({"lora": torch.ones(2)}, folders[1] / "style.safetensors")
        with pytest.raises(core.EmbeddingError, match=r"^style\.safetensors: expected a file of RichSpace Save Embed"):
            results(load, file="style.safetensors")


def test_a_pack_without_files_offers_none(load):
    assert offered(load) == []
