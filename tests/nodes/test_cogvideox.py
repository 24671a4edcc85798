"""Loading, sampling and decoding: diffusers' results, ComfyUI's progress bar and cancel, errors before loading."""

import json
import re
import shutil

import pytest
import torch
from conditionings import random_prompts
from node_runs import results, says
from small_models.tiny_models import KINDS, TEXT_LENGTH

PROMPT = "The tiger, moves gracefully through the forest, its fur flowing in the breeze."
SIZE = {"width": 64, "height": 48, "frames": 9}
QUICK = {**SIZE, "steps": 2, "cfg": 6.0, "seed": 5}
TEXT_WIDTH = 32

# diffusers 0.42 wants `dtype`, which 0.35, the oldest that the pack takes, does not know.
pytestmark = pytest.mark.filterwarnings("ignore:`torch_dtype` is deprecated:FutureWarning")


@pytest.fixture
def sample(nodes_by_id):
    """Return a function that samples latents."""

    def sample(**inputs):
        (latent,) = results(nodes_by_id["RichSpaceCogVideoXSample"], **inputs)
        return latent["samples"]

    return sample


@pytest.fixture
def decode(nodes_by_id):
    """Return a function that decodes latents to a list of videos."""

    def decode(model, samples, **inputs):
        (videos,) = results(nodes_by_id["RichSpaceCogVideoXDecode"], model=model, latent={"samples": samples}, **inputs)
        return videos

    return decode


@pytest.fixture
def load(load_model, nodes_by_id):
    """Return a function that loads a tiny model: kind to (model, {positive and negative})."""

    def load(kind="2b"):
        model, encoder = load_model(kind)
        texts = {"positive": PROMPT, "negative": ""}
        encode = nodes_by_id["RichSpaceT5Encode"]
        return model, {name: results(encode, encoder=encoder, text=text)[0] for name, text in texts.items()}

    return load


@pytest.fixture
def direct(tiny_folders):
    """Call diffusers' pipeline itself, with the text embeddings that the node gets."""
    import diffusers

    def direct(kind, positive, negative, *, scheduler="DDIM", seed=5, cfg=6.0, steps=2, size=SIZE, **options):
        pipeline = diffusers.CogVideoXPipeline.from_pretrained(
            tiny_folders[kind], text_encoder=None, tokenizer=None, torch_dtype=torch.float32
        )
        # The spacing that the models' own cards use, whatever their folder says.
        kind_of_scheduler = getattr(diffusers, f"CogVideoX{scheduler}Scheduler")
        pipeline.scheduler = kind_of_scheduler.from_config(pipeline.scheduler.config, timestep_spacing="trailing")
        pipeline.set_progress_bar_config(disable=True)
        return pipeline(
            prompt_embeds=positive[0][0],
            negative_prompt_embeds=negative[0][0],
            num_frames=size["frames"],
            width=size["width"],
            height=size["height"],
            num_inference_steps=steps,
            guidance_scale=cfg,
            generator=torch.Generator().manual_seed(seed),
            max_sequence_length=TEXT_LENGTH,
            **options,
        ).frames

    return direct


def in_host_layout(latents, model):
    """Diffusers' [1, f, c, h, w] of the scale of the denoiser as ComfyUI's [1, c, f, h, w] of that of the decoder."""
    surplus = latents.shape[1] - model.folder.latent_frames(SIZE["frames"])  # CogVideoX 1.5 pads to whole patches
    return latents[:, surplus:].permute(0, 2, 1, 3, 4) / model.folder.scaling_factor


class TestSampling:
    @pytest.mark.parametrize("scheduler", ["DDIM", "DPM"])
    @pytest.mark.parametrize("kind", KINDS)
    def test_latents_are_those_of_diffusers_pipeline(self, load, sample, direct, kind, scheduler):
        model, prompts = load(kind)
        latents = sample(model=model, **prompts, **QUICK, scheduler=scheduler)
        expected = in_host_layout(direct(kind, **prompts, scheduler=scheduler, output_type="latent"), model)
        # The same steps to the last bit; only the division by the scaling factor may round differently.
        torch.testing.assert_close(latents, expected, rtol=1e-6, atol=1e-7)
        assert latents.shape == (1, 16, 3, SIZE["height"] // 8, SIZE["width"] // 8)

    def test_auto_is_the_folder_s_own_scheduler(self, load, sample):
        model, prompts = load()
        auto, ddim, dpm = (sample(model=model, **prompts, **QUICK, scheduler=name) for name in ("auto", "DDIM", "DPM"))
        assert torch.equal(auto, ddim)
        assert not torch.equal(auto, dpm)

    def test_dynamic_cfg_as_diffusers_has_it(self, load, sample, direct):
        model, prompts = load()
        settings = {**QUICK, "steps": 4}
        latents = sample(model=model, **prompts, **settings, dynamic_cfg="as diffusers")
        expected = direct("2b", **prompts, steps=4, use_dynamic_cfg=True, output_type="latent")
        torch.testing.assert_close(latents, in_host_layout(expected, model), rtol=1e-6, atol=1e-7)
        assert not torch.equal(latents, sample(model=model, **prompts, **settings, dynamic_cfg="cosine"))

    def test_at_cfg_1_the_negative_prompt_is_not_used(self, load, sample, direct):
        model, prompts = load()
        settings = {**QUICK, "cfg": 1.0}
        latents = sample(model=model, **prompts, **settings)
        expected = direct("2b", **prompts, cfg=1.0, output_type="latent")
        torch.testing.assert_close(latents, in_host_layout(expected, model), rtol=1e-6, atol=1e-7)
        assert torch.equal(latents, sample(model=model, **{**prompts, "negative": prompts["positive"]}, **settings))

    @pytest.mark.parametrize("kind", ["2b", "5b"])
    @pytest.mark.parametrize("guidance", [{}, {"dynamic_cfg": "cosine"}, {"cfg": 1.0}])
    def test_without_a_negative_it_is_the_empty_prompt(self, load, sample, kind, guidance):
        model, prompts = load(kind)
        latents = sample(model=model, positive=prompts["positive"], **QUICK | guidance)
        assert torch.equal(latents, sample(model=model, **prompts, **QUICK | guidance))

    def test_an_empty_prompt_that_is_not_used_is_not_encoded(self, load, sample, monkeypatch):
        model, prompts = load()
        monkeypatch.setattr(type(model.text), "encode", None)
        sample(model=model, positive=prompts["positive"], **QUICK | {"cfg": 1.0})
        with pytest.raises(TypeError):
            sample(model=model, positive=prompts["positive"], **QUICK)

    @pytest.mark.parametrize("seed", [5, 2**64 - 1])
    def test_a_batch_of_two_is_two_seeds(self, load, sample, seed):
        model, prompts = load()
        settings = {"model": model, **prompts, **QUICK}
        batch = sample(**settings | {"seed": seed}, batch_size=2)
        each = [sample(**settings | {"seed": one % 2**64}) for one in (seed, seed + 1)]
        assert torch.equal(batch, torch.cat(each))
        assert not torch.equal(*each)

    def test_zero_is_the_model_s_own_size(self, load, sample):
        model, prompts = load()
        latents = sample(model=model, **prompts, steps=1)
        assert latents.shape == (1, 16, 3, 4, 6)  # 9 frames of 48 x 32

    def test_prompt_and_seed_decide(self, load, sample):
        model, prompts = load()
        first = sample(model=model, **prompts, **QUICK)
        assert torch.equal(first, sample(model=model, **prompts, **QUICK))
        assert not torch.equal(first, sample(model=model, **prompts, **QUICK | {"seed": 6}))
        swapped = {"positive": prompts["negative"], "negative": prompts["positive"]}
        assert not torch.equal(first, sample(model=model, **swapped, **QUICK))


def own_prompts(rows=TEXT_LENGTH, width=TEXT_WIDTH):
    positive, negative = random_prompts(count=2, rows=rows, width=width)
    return {"positive": positive, "negative": negative}


REFUSED_SIZES = {
    "width": (50, r"^width: expected a multiple of 16, or 0.*got 50\. The nearest this model can make are 48 and 64\."),
    "height": (8, r"^height: expected a multiple of 16.*got 8\. The nearest .* are 16 and 32\."),
    "frames": (10, r"^frames: expected 1 more than a multiple of 8.*got 10\. The nearest .* are 9 and 17\."),
}


class TestSaidBeforeAnythingIsLoaded:
    @pytest.mark.parametrize("name", REFUSED_SIZES)
    def test_a_size_that_the_model_cannot_do(self, load_model, sample, core, uses, name):
        model, _ = load_model()
        value, message = REFUSED_SIZES[name]
        with pytest.raises(core.SamplingError, match=message):
            sample(model=model, **own_prompts(), **{name: value})
        assert not uses

    @pytest.mark.parametrize(
        ("name", "value", "message"),
        [
            ("steps", 0, r"^steps: expected an integer >= 1, got 0\. 50 is usual\."),
            ("cfg", -1.0, r"^cfg: expected a number of at least 0, got -1\.0\."),
            ("cfg", float("nan"), r"^cfg: expected a finite number, got nan\."),
        ],
    )
    def test_settings_that_make_no_video(self, load_model, sample, core, uses, name, value, message):
        model, _ = load_model()
        with pytest.raises(core.RichSpaceError, match=message):
            sample(model=model, **own_prompts(), **{name: value})
        assert not uses

    @pytest.mark.parametrize("name", ["positive", "negative"])
    @pytest.mark.parametrize(("rows", "width"), [(TEXT_LENGTH - 1, TEXT_WIDTH), (TEXT_LENGTH, 64)])
    def test_an_embedding_of_another_model(self, load_model, sample, core, uses, name, rows, width):
        model, _ = load_model()
        prompts = own_prompts() | {name: own_prompts(rows, width)[name]}
        message = (
            rf"^{name}: expected an embedding of 40 tokens by 32, as .* got {rows} by {width}\. Encode the prompts"
        )
        with pytest.raises(core.SamplingError, match=message):
            sample(model=model, **prompts)
        assert not uses

    def test_an_embedding_that_is_not_finite(self, load_model, sample, core):
        model, _ = load_model()
        prompts = own_prompts()
        prompts["positive"][0][0][0, 3, 3] = float("nan")
        with pytest.raises(core.RichSpaceError, match=r"^positive: expected finite values, got 1 of"):
            sample(model=model, **prompts, **QUICK)

    def test_a_batch_of_prompts(self, load_model, sample, core, uses):
        model, _ = load_model()
        prompts = own_prompts()
        prompts["positive"] = [[prompts["positive"][0][0].repeat(2, 1, 1), {}]]
        with pytest.raises(
            core.EmbeddingError, match=r"^positive: expected the embedding of one prompt, got a batch of 2"
        ):
            sample(model=model, **prompts)
        assert not uses


class TestDecoding:
    @pytest.mark.parametrize("kind", KINDS)
    def test_frames_are_those_of_diffusers_pipeline(self, load, sample, decode, direct, kind):
        model, prompts = load(kind)
        (video,) = decode(model, sample(model=model, **prompts, **QUICK))
        expected = torch.from_numpy(direct(kind, **prompts, output_type="np"))[0]
        # Scaling the latents there and back may round in the last place, which the decoder passes on.
        torch.testing.assert_close(video, expected, rtol=0, atol=1e-5)
        assert video.shape == (SIZE["frames"], SIZE["height"], SIZE["width"], 3)
        assert video.std() > 0.01

    def test_every_video_of_a_batch_is_a_video_of_its_own(self, load, sample, decode):
        model, prompts = load()
        latents = sample(model=model, **prompts, **QUICK, batch_size=2)
        videos = decode(model, latents)
        assert len(videos) == 2
        for video, own in zip(videos, latents.split(1), strict=True):
            assert torch.equal(video, decode(model, own)[0])
        assert not torch.equal(*videos)

    def test_tiles_change_the_frames_a_little_and_their_size_not_at_all(self, load, sample, decode):
        model, prompts = load()
        latents = sample(model=model, **prompts, **QUICK | {"width": 96, "height": 64})
        (whole,), (tiled,) = decode(model, latents), decode(model, latents, tiled=True)
        assert whole.shape == tiled.shape
        assert not torch.equal(whole, tiled)
        assert torch.equal(whole, decode(model, latents)[0])  # tiling is for one decoding, not for the model

    def test_latents_of_another_model(self, load_model, decode, core):
        model, _ = load_model()
        message = r"^latent: expected one video's latents with 16 channels.*got \[1, 4, 8, 8\]\. Decode with the model"
        with pytest.raises(core.SamplingError, match=message):
            decode(model, torch.zeros(1, 4, 8, 8))

    def test_latents_with_sound(self, load_model, decode, core):
        from comfy.nested_tensor import NestedTensor

        model, _ = load_model()
        with pytest.raises(core.SamplingError, match=r"^latent: expected a latent of videos, got one of videos with"):
            decode(model, NestedTensor([torch.zeros(1, 16, 1, 2, 2), torch.zeros(1, 16, 4)]))


@pytest.fixture
def latents():
    return torch.randn(1, 16, 1, 8, 12, generator=torch.Generator().manual_seed(0))  # more than a tile each way


@pytest.fixture
def fail_first(monkeypatch, pack):  # noqa: ARG001 - the nodes must be importable first
    """Make the first decoding fail with an error; the list says whether each one was tiled."""
    import comfyui_richspace.nodes.host.video as module

    def fail_first(error, times=1):
        tried, original = [], module.decode_latents

        def failing(vae, samples, *, tiled, on_group):
            tried.append(tiled)
            if len(tried) <= times:
                raise error
            return original(vae, samples, tiled=tiled, on_group=on_group)

        monkeypatch.setattr(module, "decode_latents", failing)
        return tried

    return fail_first


class TestOutOfMemory:
    def test_decodes_again_in_tiles(self, load_model, decode, latents, fail_first):
        model, _ = load_model()
        (expected,) = decode(model, latents, tiled=True)
        tried = fail_first(torch.cuda.OutOfMemoryError("CUDA out of memory"))
        (video,) = decode(model, latents)
        assert tried == [False, True]
        assert torch.equal(video, expected)

    def test_passes_on_what_tiles_do_not_help(self, load_model, decode, latents, fail_first):
        model, _ = load_model()
        tried = fail_first(torch.cuda.OutOfMemoryError("CUDA out of memory"), times=2)
        with pytest.raises(torch.cuda.OutOfMemoryError):
            decode(model, latents)
        assert tried == [False, True]

    def test_does_not_hide_any_other_error(self, load_model, decode, latents, fail_first):
        model, _ = load_model()
        tried = fail_first(RuntimeError("a bug"))
        with pytest.raises(RuntimeError, match="a bug"):
            decode(model, latents)
        assert tried == [False]


class TestProgress:
    def test_every_step_shows_a_preview_of_the_video_so_far(self, load, sample, progress, previews):  # noqa: ARG002
        model, prompts = load()
        progress.clear()
        sample(model=model, **prompts, **QUICK | {"steps": 3}, batch_size=2)
        assert [event[:2] for event in progress] == [(done, 6) for done in range(1, 7)]
        for _, _, (kind, image, longest) in progress:
            assert (kind, image.size, longest) == ("JPEG", (8, 6), 512)
            assert len(image.getcolors()) > 10
        assert progress[0][2][1].tobytes() != progress[2][2][1].tobytes()

    def test_without_previews_none_is_made(self, load, sample, progress):
        model, prompts = load()
        progress.clear()
        sample(model=model, **prompts, **QUICK | {"steps": 3})
        assert progress[0] == (1, 3, None)
        assert progress[-1] == (3, 3, None)

    def test_decoding_counts_the_videos(self, load_model, decode, progress, latents):
        model, _ = load_model()
        decode(model, latents.repeat(2, 1, 1, 1, 1))
        assert progress == [(1, 2, None), (2, 2, None)]

    @pytest.mark.parametrize(("tiled", "groups"), [(False, 2), (True, 2 * 2 * 3)])
    def test_decoding_counts_the_groups_of_frames_of_every_tile(self, load_model, decode, progress, tiled, groups):
        model, _ = load_model()
        decode(model, torch.zeros(2, 16, 5, 8, 12), tiled=tiled)
        assert progress[0][:2] == (1, 2 * groups)
        assert progress[-1][:2] == (2 * groups, 2 * groups)


class TestCancel:
    def test_ends_within_one_step_and_the_next_run_is_the_same_as_ever(
        self,
        load,
        sample,
        management,
        progress,
        previews,  # noqa: ARG002
    ):
        model, prompts = load()
        settings = {"model": model, **prompts, **QUICK, "steps": 6}
        expected = sample(**settings)
        progress.clear()
        progress.on_step = lambda value: management.interrupt_current_processing(value == 2)
        with pytest.raises(management.InterruptProcessingException):
            sample(**settings)
        assert [value for value, *_ in progress] == [1, 2]  # the third step was begun and not told
        assert not management.processing_interrupted()
        progress.on_step = lambda _: None
        assert torch.equal(sample(**settings), expected)

    @pytest.mark.parametrize("tiled", [False, True])
    def test_within_one_long_video(self, load_model, decode, management, progress, tiled):
        model, _ = load_model()
        progress.on_step = lambda _: management.interrupt_current_processing()
        with pytest.raises(management.InterruptProcessingException):
            decode(model, torch.zeros(1, 16, 13, 8, 12), tiled=tiled)
        assert [value for value, *_ in progress] == [1]
        assert not model.vae.loaded().decoder._forward_hooks

    def test_between_two_videos_of_a_batch(self, load_model, decode, management, progress, latents):
        model, _ = load_model()
        progress.on_step = lambda _: management.interrupt_current_processing()
        with pytest.raises(management.InterruptProcessingException):
            decode(model, latents.repeat(2, 1, 1, 1, 1))
        assert [value for value, *_ in progress] == [1]


class TestLoading:
    def test_offers_the_demo_and_the_host_s_folders(self, nodes_by_id, load_model, models):
        load_model("2b")
        load_model("5b")
        loader = nodes_by_id["RichSpaceLoadCogVideoX"]
        (choice,) = (field for field in loader.GET_SCHEMA().inputs if field.id == "model")
        assert choice.options == [models.DEMO, "tiny-2b", "tiny-5b"]

    def test_reads_no_weights(self, load_model, uses, management):
        load_model()
        assert not uses
        assert management.loaded_models() == []

    def test_the_demo_says_what_it_is(self, nodes_by_id, models):
        loader = nodes_by_id["RichSpaceLoadCogVideoX"]
        model, encoder = results(loader, model=models.DEMO)
        known = {piece.removeprefix("▁") for piece in encoder.tokenizer.get_vocab() if piece[1:].isalpha()}
        implied = {"a", "an", "the", "with", "and", "goes", "stripes", "dots", "checks"}
        assert known - implied <= set(re.findall(r"\w+", says(loader, model=models.DEMO)))
        assert (model.folder.video_size().width, model.folder.video_size().height) == (64, 64)

    def test_is_done_again_when_a_file_has_changed(self, nodes_by_id, diffusers_folder, tiny_folders):
        folder = shutil.copytree(tiny_folders["2b"], diffusers_folder / "mine")
        loader = nodes_by_id["RichSpaceLoadCogVideoX"]
        first = loader.fingerprint_inputs(model="mine", dtype="auto")
        assert loader.fingerprint_inputs(model="mine", dtype="auto") == first
        file = folder / "scheduler" / "scheduler_config.json"
        file.write_text(json.dumps(json.loads(file.read_text()) | {"snr_shift_scale": 1.0}))
        assert loader.fingerprint_inputs(model="mine", dtype="auto") != first
        assert loader.fingerprint_inputs(model="gone", dtype="auto") != first  # and nothing is raised
