"""How the host runs the pack: caching, progress, previews, cancel, and memory that is freed."""

import time

import numpy as np
from comfyui.prompts import DEMO, change, mix_prompt, node, richspace_nodes, video_prompt
from host_frames import run_for_frames
from host_runs import watch

AFTER_THE_SEED = {"sample", "decode", "video", "save"}
SLOW = {"width": 192, "height": 192, "steps": 300}  # about 0.1 s a step


def loads(server):
    """How often the host has put a model of this pack on its device."""
    return server.log.read_text(encoding="utf-8", errors="replace").count("Requested to load RichSpaceModel")


def free(server, **wishes):
    """What the frontend's buttons for memory do; returns when the host has done it, for which it has no answer."""
    server.request("/free", wishes)
    time.sleep(1)


class TestCaching:
    def test_the_same_prompt_again_executes_nothing(self, server):
        prompt = video_prompt(seed=101)
        assert watch(server, prompt).executed >= AFTER_THE_SEED
        again = watch(server, prompt)
        assert richspace_nodes(prompt) <= again.cached
        assert again.executed == set()

    def test_another_seed_samples_again_and_encodes_nothing(self, server):
        prompt = video_prompt(seed=102)
        watch(server, prompt)
        assert watch(server, change(prompt, "sample", seed=103)).executed == AFTER_THE_SEED

    def test_another_guide_encodes_that_alone(self, server):
        prompt = video_prompt(seed=104)
        watch(server, prompt)
        run = watch(server, change(prompt, "guide", text="a blue circle moves right"))
        assert run.executed == AFTER_THE_SEED | {"guide", "mix", "plot", "save_plot"}


class TestProgress:
    def test_every_step_is_told_with_a_preview(self, server):
        run = watch(server, video_prompt(seed=201, steps=6, width=64, height=48), previews=True)
        assert run.progress("sample") == [(step, 6) for step in range(1, 7)]
        assert run.progress("decode") == [(1, 1)]
        assert len(run.previews) == 6
        for preview in run.previews:
            assert (preview.format, preview.size) == ("JPEG", (512, 384))  # the host enlarges it
            assert preview.entropy() > 1  # and it is not blank

    def test_a_batch_is_one_bar(self, server):
        run = watch(server, video_prompt(seed=202, steps=2, batch_size=3), previews=True)
        assert run.progress("sample") == [(step, 6) for step in range(1, 7)]
        decoded = run.progress("decode")
        assert (decoded[0], decoded[-1]) == ((1, 3), (3, 3))  # the host drops what comes within a tenth of a second

    def test_who_wants_no_previews_gets_none(self, server):
        run = watch(server, video_prompt(seed=203, steps=6))
        assert run.progress("sample")[-1] == (6, 6)
        assert not run.previews

    def test_texts_are_shown_on_the_nodes(self, server):
        prompt = change(mix_prompt(), "guide", text="a blue and red circle moves right")
        for _ in range(2):  # and again when the results come from the cache
            said = {name: output["text"] for name, output in server.run(prompt)["outputs"].items() if "text" in output}
            assert said["guide"][0].endswith(" of 64 tokens")
            assert said["mix"][0].startswith("15 of 30: 50% A, 50% B")


class TestCancel:
    def cancel(self, server, prompt, at):
        """Run a prompt and press cancel when the sampler says that it has done `at` steps."""

        def on_event(event):
            if event.type == "progress" and (event.data["node"], event.data["value"]) == ("sample", at):
                server.interrupt()

        return watch(server, prompt, previews=True, on_event=on_event)

    def test_ends_within_a_step_or_two(self, server):
        run = self.cancel(server, video_prompt(seed=301, **SLOW), at=3)
        assert run.events[-1].type == "execution_interrupted"
        assert run.events[-1].data["node_id"] == "sample"
        last, total = run.progress("sample")[-1]
        assert total == SLOW["steps"]
        # The step in which it was pressed, and one that may have ended while the request was on its way.
        assert 3 <= last <= 5
        assert run.entry["status"]["status_str"] == "error"

    def test_the_next_prompt_runs(self, server):
        expected = video_prompt(seed=302)
        self.cancel(server, change(expected, "sample", **SLOW), at=2)
        run = watch(server, expected)
        assert run.executed == AFTER_THE_SEED
        assert run.entry["status"]["completed"]

    def test_one_pressed_while_nothing_runs_stops_nothing(self, server):
        server.interrupt()
        assert watch(server, video_prompt(seed=303)).entry["status"]["completed"]


class TestMemory:
    def test_weights_stay_loaded_between_prompts(self, server):
        server.run(video_prompt(seed=401))
        before = loads(server)
        server.run(video_prompt(seed=402))
        assert loads(server) == before

    def test_unload_models_empties_the_device_and_keeps_results(self, server):
        prompt = video_prompt(seed=403)
        server.run(prompt)
        free(server, unload_models=True)
        before = loads(server)
        run = watch(server, change(prompt, "sample", seed=404))
        assert run.executed == AFTER_THE_SEED
        assert loads(server) == before + 2  # denoiser and decoder; no prompt was encoded
        assert watch(server, change(prompt, "guide", text="a large blue circle")).entry["status"]["completed"]
        assert loads(server) == before + 3

    def test_free_memory_forgets_the_results_too(self, server):
        prompt = video_prompt(seed=405)
        server.run(prompt)
        free(server, unload_models=True, free_memory=True)
        before = loads(server)
        run = watch(server, prompt)
        assert run.executed == set(prompt)
        assert run.entry["status"]["completed"]
        assert loads(server) == before + 3

    def test_it_may_be_pressed_while_a_prompt_runs(self, server):
        def on_event(event):
            if event.type == "progress" and (event.data["node"], event.data["value"]) == ("sample", 2):
                free(server, unload_models=True, free_memory=True)

        prompt = video_prompt(seed=406, steps=6)
        assert watch(server, prompt, previews=True, on_event=on_event).entry["status"]["completed"]
        time.sleep(1)
        assert watch(server, prompt).executed == set(prompt)


class TestTextLength:
    """A prompt of the host's own encode node, which cuts nothing: the sampling node says that it is too long."""

    def prompt(self, text):
        words = {
            name: node("CLIPTextEncode", clip=["load", 1], text=each) for name, each in {"a": text, "n": ""}.items()
        }
        settings = {"seed": 1, "steps": 1, "cfg": 4.0, "sampler_name": "euler", "scheduler": "simple", "denoise": 1.0}
        size = {"width": 32, "height": 32, "frames": 9, "batch_size": 1}
        links = {"model": ["load", 0], "positive": ["a", 0], "negative": ["n", 0], "latent_image": ["size", 0]}
        return words | {
            "load": node("RichSpaceLoadCogVideoXNative", model=DEMO, dtype="auto"),
            "size": node("RichSpaceEmptyCogVideoXLatent", model=["load", 0], **size),
            "sample": node("KSampler", **links, **settings),
            "decode": node("VAEDecode", samples=["sample", 0], vae=["load", 2]),
            "show": node("PreviewImage", images=["decode", 0]),
        }

    def test_is_said_on_the_sampling_node_until_it_fits(self, server):
        long, fitting = (watch(server, self.prompt("a red circle " * times)) for times in (40, 2))
        (said,) = long.texts("sample")
        assert said.startswith("Tokens of the prompts: positive 121. This model was trained with 64, so the video")
        assert "positive 121" in server.log.read_text(encoding="utf-8", errors="replace")
        assert fitting.texts("sample") == ["The prompts have 64 tokens, like those that this model was trained with."]
        assert watch(server, self.prompt("a blue circle")).texts("sample") == []


class TestVideoToVideo:
    def test_a_sampled_video_is_encoded_and_changed(self, server):
        prompt = video_prompt(seed=301)
        links = {"model": ["load", 0], "positive": ["b", 0], "negative": ["negative", 0], "start_latent": ["encode", 0]}
        settings = {"steps": 4, "cfg": 6.0, "seed": 302, "batch_size": 1, "scheduler": "auto", "dynamic_cfg": "off"}
        own_size = dict.fromkeys(("width", "height", "frames"), 0)
        prompt |= {
            "encode": node("RichSpaceCogVideoXEncode", model=["load", 0], frames=["decode", 0], tiled=False),
            "change": node("RichSpaceCogVideoXSample", **links, **settings, **own_size, strength=0.5),
            "changed": node("RichSpaceCogVideoXDecode", model=["load", 0], latent=["change", 0], tiled=False),
        }
        start, changed = (run_for_frames(server, prompt, decoder=name)[1] for name in ("decode", "changed"))
        assert start.shape == changed.shape
        assert not np.array_equal(start, changed)
