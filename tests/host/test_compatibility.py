"""What artists already have, around this pack's nodes in the real host: stock nodes, lists, and files that stay."""

import io
import shutil

import numpy as np
import pytest
from comfyui.prompts import SMALL_VIDEO, change, mix_prompt, node, video_prompt
from comfyui.server import PromptError
from host_frames import frames_of
from host_runs import watch
from PIL import Image

SWEEP = {"steps": 30, "count": 3, "candidates": ""}


def sweep_prompt(**inputs):
    """A sweep instead of the finder, and a contact sheet of its videos; `inputs` go to the sweep."""
    prompt = video_prompt(seed=21)
    for name in ("mix", "guide", "plot", "save_plot", "video", "save"):
        del prompt[name]
    prompt["sweep"] = node("RichSpaceInterpolationSweep", a=["a", 0], b=["b", 0], **SWEEP | inputs)
    prompt["sheet"] = node(
        "RichSpaceContactSheet", frames=["decode", 0], labels=["sweep", 2], columns=3, frame_width=96
    )
    return change(prompt, "sample", positive=["sweep", 0])


class TestLists:
    def test_each_candidate_of_a_sweep_becomes_the_video_that_it_is_alone(self, server):
        videos = np.split(frames_of(server, sweep_prompt(candidates="3, 20")), 2)
        for index, frames in zip((3, 20), videos, strict=True):
            alone = sweep_prompt()
            alone["hand"] = node("RichSpaceInterpolate", a=["a", 0], b=["b", 0], index=index, steps=30)
            del alone["sheet"]
            assert np.array_equal(frames, frames_of(server, change(alone, "sample", positive=["hand", 0])))

    def test_the_sheet_is_shown_with_a_row_for_each(self, server):
        run = watch(server, sweep_prompt())
        assert run.entry["outputs"]["sweep"]["text"] == ["3 of 30 candidates: 1, 15, 30"]
        (file,) = run.entry["outputs"]["sheet"]["images"]
        width, height = Image.open(io.BytesIO(server.view(file))).size
        assert width == 2 * 16 + 3 * 96 + 2 * 6
        assert height > 3 * 96 * SMALL_VIDEO[1] / SMALL_VIDEO[2]

    def test_several_seeds_of_each_have_numbered_rows(self, server):
        heights = []
        for batch_size in (1, 2):
            entry = server.run(change(sweep_prompt(), "sample", batch_size=batch_size))
            (file,) = entry["outputs"]["sheet"]["images"]
            heights.append(Image.open(io.BytesIO(server.view(file))).size[1])
        assert heights[1] - 16 == 2 * (heights[0] - 16)

    def test_a_list_of_seeds(self, server):
        prompt = video_prompt()
        prompt |= {f"seed_{seed}": node("PrimitiveInt", value=seed) for seed in (31, 32)}
        prompt["seeds"] = node("CreateList", **{"inputs.input0": ["seed_31", 0], "inputs.input1": ["seed_32", 0]})
        first, second = np.split(frames_of(server, change(prompt, "sample", seed=["seeds", 0])), 2)
        assert not np.array_equal(first, second)
        assert np.array_equal(second, frames_of(server, video_prompt(seed=32)))

    def test_a_list_of_prompts_is_mixed_one_after_another(self, server):
        prompt = mix_prompt()
        prompt["star"] = node("RichSpaceT5Encode", encoder=["load", 1], text="a yellow star moves right")
        prompt["list"] = node("CreateList", **{"inputs.input0": ["a", 0], "inputs.input1": ["star", 0]})
        shown = server.run(change(prompt, "mix", a=["list", 0]))["outputs"]["mix"]
        assert [panels[0]["prompts"]["A"] for panels in shown["richspace"]] == [
            "a red circle moves right",
            "a yellow star moves right",
        ]

    def test_candidates_in_another_form(self, server):
        with pytest.raises(PromptError) as caught:
            server.run(sweep_prompt(candidates="every 5"))
        message = caught.value.details["exception_message"]
        assert message.startswith("candidates: expected numbers and ranges such as \"1, 8, 15-18\", got 'every 5'.")


class TestWhatIsLeftOut:
    """What the frontend sends where a node before the finder is muted: nothing."""

    def test_one_of_the_further_guides(self, server):
        prompt = mix_prompt(**{"guides.guide_3": ["other", 0]})  # and no guide_2
        prompt["other"] = node("RichSpaceT5Encode", encoder=["load", 1], text="a blue and red square moves right")
        ((panel,),) = server.run(prompt)["outputs"]["mix"]["richspace"]
        assert "guided by the average of 2 guides" in panel["remarks"]

    @pytest.mark.parametrize("name", ["a", "b", "guide"])
    def test_what_is_needed_is_named(self, server, name):
        with pytest.raises(PromptError, match=f"Required input is missing: {name}"):
            server.queue(change(mix_prompt(), "mix", **{name: None}))

    @pytest.mark.parametrize("name", ["prompt_2", "guide_2"])
    def test_a_link_of_the_chain(self, server, name):
        prompt = mix_prompt()
        links = {"stages.prompt_2": ["b", 0], "stages.guide_2": ["guide", 0]}
        del links[f"stages.{name}"], prompt["mix"]
        prompt["chain"] = node("RichSpaceChainedFinder", first=["a", 0], steps=30, **links)
        with pytest.raises(PromptError, match=name):
            server.run(prompt)


class TestStockConditioningNodes:
    def test_a_timestep_range_before_and_behind_changes_nothing_here(self, server):
        expected = frames_of(server, video_prompt(seed=41))
        times = {"start": 0.0, "end": 1.0}
        prompt = video_prompt(seed=41)
        prompt["before"] = node("ConditioningSetTimestepRange", conditioning=["a", 0], **times)
        prompt["behind"] = node("ConditioningSetTimestepRange", conditioning=["mix", 0], **times)
        prompt = change(change(prompt, "mix", a=["before", 0]), "sample", positive=["behind", 0])
        assert np.array_equal(frames_of(server, prompt), expected)

    @pytest.mark.parametrize("where", ["before", "behind"])
    def test_a_stock_average(self, server, where):
        prompt = video_prompt(seed=42)
        source = "mix" if where == "behind" else "a"
        prompt["average"] = node(
            "ConditioningAverage",
            conditioning_to=[source, 0],
            conditioning_from=["b", 0],
            conditioning_to_strength=0.5,
        )
        name, field = ("sample", "positive") if where == "behind" else ("mix", "a")
        frames = frames_of(server, change(prompt, name, **{field: ["average", 0]}))
        assert not np.array_equal(frames, frames_of(server, video_prompt(seed=42)))

    def test_what_is_combined_goes_on_to_other_nodes(self, server):
        prompt = mix_prompt()
        prompt["both"] = node("ConditioningCombine", conditioning_1=["mix", 0], conditioning_2=["b", 0])
        prompt["shown"] = node("PreviewAny", source=["both", 0])
        assert server.run(prompt)["status"]["completed"]

    def test_what_is_put_one_behind_the_other_is_too_long_for_the_model(self, server):
        prompt = video_prompt()
        prompt["long"] = node("ConditioningConcat", conditioning_to=["mix", 0], conditioning_from=["b", 0])
        with pytest.raises(PromptError) as caught:
            server.run(change(prompt, "sample", positive=["long", 0]))
        assert caught.value.details["exception_message"].startswith("positive: expected an embedding of 64 tokens")


def saved_names(server):
    """Return the names that the loader of embeddings offers."""
    return server.object_info()["RichSpaceLoadEmbedding"]["input"]["required"]["file"][1]["options"]


class TestSavedEmbeddings:
    @pytest.fixture(scope="class")
    @classmethod
    def saved(cls, server):
        """The name under which the loader offers a mixture that was saved, and its video."""
        before = {*saved_names(server)}  # other tests save on the same server
        prompt = video_prompt(seed=51)
        names = {"conditioning": ["mix", 0], "scores": ["mix", 3]}
        prompt["keep"] = node("RichSpaceSaveEmbedding", **names, filename_prefix="looks/test")
        frames = frames_of(server, prompt)
        (name,) = {*saved_names(server)} - before
        return name, frames

    def load_prompt(self, name, seed=51):
        prompt = video_prompt(seed=seed)
        for unused in ("mix", "a", "b", "guide", "plot", "save_plot", "video", "save"):
            del prompt[unused]
        prompt["look"] = node("RichSpaceLoadEmbedding", file=name)
        return change(prompt, "sample", positive=["look", 0])

    def test_make_the_same_video(self, server, saved):
        name, frames = saved
        assert name == "looks/test_00001_.safetensors [output]"
        assert np.array_equal(frames_of(server, self.load_prompt(name)), frames)

    def test_a_file_that_was_replaced_is_read_again(self, server, saved):
        name, _ = saved
        prompt = self.load_prompt(name) | {"about": node("PreviewAny", source=["look", 1])}
        before = server.run(prompt)["outputs"]["about"]["text"]
        other = change(mix_prompt(), "a", text="a yellow star moves right")
        other["keep"] = node("RichSpaceSaveEmbedding", conditioning=["a", 0], filename_prefix="other/test")
        server.run(other)
        folder = server.base / "output" / "richspace_embeddings"
        shutil.copy(folder / "other" / "test_00001_.safetensors", folder / "looks" / "test_00001_.safetensors")
        (after,) = server.run(prompt)["outputs"]["about"]["text"]
        assert after.startswith("a yellow star moves right\n")
        assert [after] != before

    @pytest.mark.parametrize("name", ["../../../etc/passwd", "/etc/passwd", "looks/none.safetensors [output]"])
    def test_a_path_outside_is_refused(self, server, name):
        with pytest.raises(PromptError, match="refused the workflow"):
            server.queue(self.load_prompt(name))

    def test_the_host_lists_the_folder_among_its_models(self, server):
        assert "richspace_embeddings" in server.get("/models")
