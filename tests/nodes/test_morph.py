"""RichSpace Morph: masks over time for ComfyUI's samplers and for the pack's own, against diffusers frame by frame."""

import shutil

import pytest
import torch
from conditionings import conditioning, frozen, identical
from diffusers import CogVideoXTransformer3DModel
from morph_oracle import exactly, fast, sample_literally
from native_loras import merge, put_on, random_lora, with_prefix
from native_models import distance
from node_runs import results, run_node, says
from safetensors.torch import save_file
from small_models.tiny_models import KINDS

STEPS = 6
SIZE = {"width": 64, "height": 48, "frames": 17}  # 5 latent frames; 6 with the one in front that CogVideoX 1.5 needs
LATENTS = 5
CURVE = "0%: A, 25%: A, 75%: B"
MIDDLES = [0, 2.5, 6.5, 10.5, 14.5]
WEIGHTS = [min(max((12 - middle) / 8, 0), 1) for middle in MIDDLES]

# diffusers 0.42 wants `dtype`, which 0.35, the oldest that the pack takes, does not know.
pytestmark = pytest.mark.filterwarnings("ignore:`torch_dtype` is deprecated:FutureWarning")


@pytest.fixture
def morph(nodes_by_id, native_prompts):
    """Return a function that runs RichSpace Morph on two prompts: to its CONDITIONING."""

    def morph(model, **inputs):
        given = {
            "a": native_prompts["positive"],
            "b": native_prompts["other"],
            "curve": CURVE,
            "frames": 17,
            "quality": "exact",
        } | inputs
        return results(nodes_by_id["RichSpaceMorph"], model=model, **given)[0]

    return morph


@pytest.fixture
def native(runs):
    """Return a function that samples a MODEL with a positive CONDITIONING and RichSpace CogVideoX Sampler."""

    def native(model, positive, *, cfg=6.0, latent=None, seed=5, **sampler):
        from comfy_extras.nodes_custom_sampler import CFGGuider

        settings = {"noise": "diffusers", "steps": STEPS} | sampler
        guider = CFGGuider.execute(model, positive, runs.prompts["negative"], cfg).result[0]
        latent = latent or runs.empty(model, frames=SIZE["frames"])
        return runs.custom(guider, *runs.published(model, **settings), latent, seed=seed)["samples"]

    return native


@pytest.fixture
def own(nodes_by_id, native_prompts):
    """Return a function that samples with RichSpace CogVideoX Sample."""

    def own(model, positive, **inputs):
        settings = {**SIZE, "steps": STEPS, "cfg": 6.0, "seed": 5, "scheduler": "DDIM"} | inputs
        both = {"positive": positive, "negative": native_prompts["negative"]}
        return results(nodes_by_id["RichSpaceCogVideoXSample"], model=model, **both, **settings)[0]["samples"]

    return own


@pytest.fixture
def literal(tiny_folders, native_prompts):
    """Return a function that samples the same morph with diffusers, frame by frame."""

    def literal(kind, quality, *, weights=WEIGHTS, **options):
        a, b = native_prompts["positive"][0][0], native_prompts["other"][0][0]
        of_frame = {"exact": exactly, "fast": fast}[quality](a, b, weights)
        given = {**SIZE, "num_inference_steps": STEPS} | options
        given["num_frames"] = given.pop("frames")
        return sample_literally(tiny_folders[kind], of_frame, a, native_prompts["negative"][0][0], latents=5, **given)

    return literal


@pytest.mark.parametrize("quality", ["exact", "fast"])
@pytest.mark.parametrize("kind", KINDS)
def test_the_video_is_that_of_a_literal_loop_in_both_samplers(
    load_native, load_model, morph, native, own, literal, kind, quality
):
    model = load_native(kind)
    expected = literal(kind, quality)
    # Shares are rounded to a hundredth of a percent, and float32 sums run in another order.
    assert distance(native(model, morph(model, quality=quality)), expected) < 1e-4
    ours, _ = load_model(kind)
    assert distance(own(ours, morph(ours, quality=quality)), expected) < 1e-5


@pytest.mark.parametrize("kind", KINDS)
def test_a_morph_that_holds_one_prompt_is_that_prompt(
    load_native, load_model, morph, native, own, native_prompts, kind
):
    model, (ours, _) = load_native(kind), load_model(kind)
    plain = native_prompts["positive"]
    for quality in ("exact", "fast"):
        held = morph(model, curve="0%: A", quality=quality)
        assert len(held) == 1
        assert torch.equal(native(model, held), native(model, plain))
        assert torch.equal(own(ours, morph(ours, curve="0%: A", quality=quality)), own(ours, plain))


class TestReport:
    def test_says_the_course_and_the_cost(self, load_native, nodes_by_id, native_prompts):
        model = load_native("2b")
        given = {"model": model, "a": native_prompts["positive"], "b": native_prompts["other"], "frames": 17}
        text = says(nodes_by_id["RichSpaceMorph"], **given, quality="exact")
        assert text == (
            "latent frames: A, 84% A + 16% B, 59% A + 41% B, 34% A + 66% B, 9% A + 91% B\n"
            "6 predictions a step in place of 2 (5 for the morph, 1 for the negative prompt): about 3 times as long"
        )
        assert "3 predictions a step in place of 2 (2 for" in says(nodes_by_id["RichSpaceMorph"], **given)
        assert "4 predictions a step" in says(nodes_by_id["RichSpaceMorph"], **given, quality="exact", most_mixtures=3)

    def test_captions_name_the_mixture_that_each_frame_is_made_from(self, load_native, nodes_by_id, native_prompts):
        """It is that of its latent frame, which stands for four frames here: 1 to 4, whose middle is 2.5, and so on."""
        given = {"a": native_prompts["positive"], "b": native_prompts["other"], "frames": 13}
        _, captions = results(nodes_by_id["RichSpaceMorph"], model=load_native("2b"), **given, curve="0: A, 4: A, 9: B")
        dominated = {"A": "A\nprompt 0", "even": "50% A + 50% B", "B": "B\nprompt 2"}
        assert captions == [dominated[name] for name in ["A"] * 5 + ["even"] * 4 + ["B"] * 4]

    def test_captions_of_prompts_that_are_not_known_in_words_are_the_mixture_alone(self, load_native, nodes_by_id):
        a, b = conditioning(torch.randn(20, 32)), conditioning(torch.randn(20, 32))
        _, captions = results(nodes_by_id["RichSpaceMorph"], model=load_native("2b"), a=a, b=b, frames=9)
        assert captions[0] == "A"
        assert captions[-1] == "19% A + 81% B"


class TestCombined:
    """The morph with everything else that a sampler takes, each against the literal loop or the same without it."""

    def test_without_a_negative_prompt(self, load_native, load_model, morph, native, own, literal):
        model, (ours, _) = load_native("2b"), load_model("2b")
        expected = literal("2b", "exact", cfg=1.0)
        assert distance(native(model, morph(model), cfg=1.0), expected) < 1e-4
        assert distance(own(ours, morph(ours), cfg=1.0), expected) < 1e-5

    @pytest.mark.parametrize("quality", ["exact", "fast"])
    def test_dynamic_guidance_and_dpm(self, load_native, load_model, morph, native, own, literal, quality):
        model, (ours, _) = load_native("5b"), load_model("5b")
        expected = literal("5b", quality, scheduler="DPM", use_dynamic_cfg=True)
        settings = {"scheduler": "DPM", "dynamic_cfg": "as diffusers"}
        assert distance(own(ours, morph(ours, quality=quality), **settings), expected) < 1e-4
        settings["dynamic"] = settings.pop("dynamic_cfg")
        assert distance(native(model, morph(model, quality=quality), **settings), expected) < 1e-4

    def test_cosine_guidance(self, load_native, load_model, morph, native, own):
        model, (ours, _) = load_native("2b"), load_model("2b")
        alike = native(model, morph(model), dynamic="cosine"), own(ours, morph(ours), dynamic_cfg="cosine")
        assert distance(*alike) < 1e-4

    @pytest.mark.parametrize("kind", KINDS)
    def test_every_video_of_a_batch_is_that_of_its_seed(self, load_native, load_model, runs, morph, native, own, kind):
        model, (ours, _) = load_native(kind), load_model(kind)
        both = native(model, morph(model), latent=runs.empty(model, videos=2, frames=17))
        alone = torch.cat([native(model, morph(model), seed=seed) for seed in (5, 6)])
        assert distance(both, alone) < 1e-5
        assert distance(own(ours, morph(ours), batch_size=2), alone) < 1e-4

    def test_video_to_video(self, load_native, runs, morph):
        model = load_native("1.5")
        source = runs.ksampler(model, runs.empty(model, frames=17), seed=9)
        stage = {"start_at_step": 4, "seed": 5}
        plain = runs.ksampler(model, source, **stage)["samples"]
        held = self.with_positive(runs, morph(model, curve="0%: A")).ksampler(model, source, **stage)["samples"]
        assert torch.equal(plain, held)
        moved = self.with_positive(runs, morph(model)).ksampler(model, source, **stage)["samples"]
        assert distance(moved, plain) > 1e-3
        assert distance(moved[:, :, 0], plain[:, :, 0]) < distance(moved[:, :, -1], plain[:, :, -1])

    def test_a_lora_on_the_model(self, load_native, runs, morph, native):
        """A patch of weights has the same effect on a morph as on the loop over its mixtures."""
        model = load_native("2b")
        patched = model.clone()
        key = next(key for key in patched.model_state_dict() if key.endswith("ff_out.weight"))
        shape = patched.model_state_dict()[key].shape
        change = torch.randn(shape[0], 1) @ torch.randn(1, shape[1])
        patched.add_patches({key: (change,)}, 0.5)
        held = morph(patched, curve="0%: B")
        assert distance(native(patched, held), native(model, held)) > 1e-3
        assert torch.equal(native(patched, held), native(patched, runs.prompts["other"]))
        assert distance(native(patched, morph(patched)), native(model, morph(model))) > 1e-3

    @pytest.mark.parametrize("quality", ["exact", "fast"])
    def test_a_lora_file(
        self, load_native, nodes_by_id, loras, morph, native, native_prompts, tiny_folders, tmp_path, quality
    ):
        """The morph of the changed model is that of diffusers with the LoRA in its weights."""
        theirs = CogVideoXTransformer3DModel.from_pretrained(tiny_folders["5b"], subfolder="transformer")
        lora = random_lora(theirs)
        save_file(with_prefix(lora, "transformer."), loras / "style.safetensors")
        merge(theirs, lora, 0.7)
        merged = shutil.copytree(tiny_folders["5b"], tmp_path / "merged")
        theirs.save_pretrained(merged / "transformer")
        model, _ = put_on(nodes_by_id, load_native("5b"), "style.safetensors", 0.7)
        a, b, negative = (native_prompts[name][0][0] for name in ("positive", "other", "negative"))
        of_frame = {"exact": exactly, "fast": fast}[quality](a, b, WEIGHTS)
        size = {"width": 64, "height": 48, "num_frames": 17, "num_inference_steps": STEPS}
        expected = sample_literally(merged, of_frame, a, negative, latents=5, **size)
        sampled = native(model, morph(model, quality=quality))
        assert distance(sampled, expected) < 1e-4
        assert distance(sampled, native(load_native("5b"), morph(model, quality=quality))) > 1e-3

    def test_combined_with_a_prompt_that_counts_equally_in_every_frame(
        self, load_native, load_model, morph, native, own, native_prompts, tiny_folders
    ):
        import nodes

        model, (ours, _) = load_native("1.5"), load_model("1.5")
        plain = native_prompts["other"]
        a, b, extra = (native_prompts[name][0][0] for name in ("positive", "other", "other"))
        both = exactly(a, b, WEIGHTS)

        def of_frame(predict, frame):
            return (both(predict, frame) + predict(extra)) / 2

        size = {"width": 64, "height": 48, "num_frames": 17, "num_inference_steps": STEPS}
        expected = sample_literally(
            tiny_folders["1.5"], of_frame, a, native_prompts["negative"][0][0], latents=5, **size
        )
        for sample, made in ((native, model), (own, ours)):
            (combined,) = nodes.ConditioningCombine().combine(morph(made), plain)
            assert distance(sample(made, combined), expected) < 1e-4

    @pytest.mark.parametrize("quality", ["exact", "fast"])
    def test_inside_a_mask(self, load_native, load_model, morph, native, own, native_prompts, tiny_folders, quality):
        """A's mask holds for the morph; another prompt fills the rest of the picture."""
        import nodes

        mask = torch.zeros(48, 64)
        mask[:, :32] = 1
        set_mask = nodes.ConditioningSetMask().append
        (a,) = set_mask(native_prompts["positive"], mask, "default", 1.0)
        (around,) = set_mask(native_prompts["negative"], 1 - mask, "default", 1.0)
        latents = torch.nn.functional.interpolate(mask[None, None], (6, 8), mode="bilinear")[0, 0]
        embeddings = [native_prompts[name][0][0] for name in ("positive", "other", "negative")]
        inside = {"exact": exactly, "fast": fast}[quality](*embeddings[:2], WEIGHTS)

        def of_frame(predict, frame):
            return latents * inside(predict, frame) + (1 - latents) * predict(embeddings[2])

        size = {"width": 64, "height": 48, "num_frames": 17, "num_inference_steps": STEPS}
        expected = sample_literally(tiny_folders["2b"], of_frame, *embeddings[::2], latents=5, **size)
        model, (ours, _) = load_native("2b"), load_model("2b")
        for sample, made in ((native, model), (own, ours)):
            (combined,) = nodes.ConditioningCombine().combine(morph(made, a=a, quality=quality), around)
            assert distance(sample(made, combined), expected) < 1e-4

    def test_a_mask_set_afterwards_is_refused(self, load_native, load_model, morph, native, own, core):
        import nodes

        model, (ours, _) = load_native("2b"), load_model("2b")
        for sample, made in ((native, model), (own, ours)):
            (masked,) = nodes.ConditioningSetMask().append(morph(made), torch.ones(6, 8), "default", 1.0)
            with pytest.raises(
                core.SamplingError, match=r"^positive: .* whose masks another node has replaced\. Set the"
            ):
                sample(made, masked)

    def test_mask_bounds_are_refused(self, load_native, morph, native_prompts, core):
        import nodes

        (a,) = nodes.ConditioningSetMask().append(native_prompts["positive"], torch.ones(6, 8), "mask bounds", 1.0)
        with pytest.raises(
            core.SamplingError, match=r"^A: expected a mask with set_cond_area default, got mask bounds"
        ):
            morph(load_native("2b"), a=a)

    def test_a_morph_for_another_length_is_refused(self, load_native, load_model, morph, native, own, core):
        model, (ours, _) = load_native("1.5"), load_model("1.5")
        message = r"^positive: expected a morph for this video of 5 latent frames, got one for 7\. Give RichSpace Morph"
        for sample, made in ((native, model), (own, ours)):
            with pytest.raises(core.SamplingError, match=message):
                sample(made, morph(made, frames=25))

    def test_part_of_the_steps(self, load_native, load_model, morph, native, own, native_prompts, core):
        import nodes

        model, (ours, _) = load_native("2b"), load_model("2b")
        (early,) = nodes.ConditioningSetTimestepRange().set_range(morph(model), 0.0, 0.5)
        (late,) = nodes.ConditioningSetTimestepRange().set_range(native_prompts["positive"], 0.5, 1.0)
        (both,) = nodes.ConditioningCombine().combine(early, late)
        assert distance(native(model, both), native(model, morph(model))) > 1e-3
        (early,) = nodes.ConditioningSetTimestepRange().set_range(morph(ours), 0.0, 0.5)
        with pytest.raises(core.SamplingError, match=r"^positive: .* got a prompt with a timestep range"):
            own(ours, early)

    @staticmethod
    def with_positive(runs, positive):
        """Return the same samplers with another positive prompt."""
        return type(runs)(runs.nodes_by_id, {**runs.prompts, "positive": positive})


def in_windows(model, length, **changes):
    """Apply Context Windows (Manual) over the frames."""
    from comfy_extras.nodes_context_windows import ContextWindowsManualNode

    settings = {
        "context_length": length,
        "context_overlap": 0,
        "context_schedule": "batched",
        "context_stride": 1,
        "closed_loop": False,
        "fuse_method": "flat",
        "dim": 2,
        "freenoise": False,
        "cond_retain_index_list": "",
        "split_conds_to_windows": False,
        "latent_retain_index_list": "",
    } | changes
    return ContextWindowsManualNode.execute(model, **settings).result[0]


class TestContextWindows:
    @pytest.mark.parametrize("kind", KINDS)
    def test_a_window_as_long_as_the_video_is_none(self, load_native, morph, native, kind):
        model = load_native(kind)
        assert distance(native(in_windows(model, 6), morph(model)), native(model, morph(model))) < 1e-5

    @pytest.mark.parametrize("frames", [29, 21])  # 8 latent frames, and 6, as many as the latents are high
    @pytest.mark.parametrize("kind", ["2b", "1.5"])
    def test_each_window_has_its_part_of_the_morph(self, load_native, runs, morph, kind, frames):
        """Two windows that do not overlap are two videos, each with its part of the masks."""
        from comfy_extras.nodes_custom_sampler import CFGGuider

        model, latents = load_native(kind), (frames - 1) // 4 + 1
        half = latents // 2
        noise = torch.randn(1, 16, latents, 6, 8, generator=torch.Generator().manual_seed(3))
        sampler, sigmas = runs.published(model, steps=STEPS)

        def denoise(model, positive, noise):
            guider = CFGGuider.execute(model, positive, runs.prompts["negative"], 6.0).result[0]
            with torch.inference_mode():
                return guider.sample(noise, torch.zeros_like(noise), sampler, sigmas, seed=5)

        whole = morph(model, frames=frames)
        if kind == "1.5" and half % 2:
            half += 1  # windows are whole patches
        parts = []
        for start, end in ((0, half), (half, latents)):
            entries = [[values, {"mask": extras["mask"][start:end]}] for values, extras in whole]
            parts.append(denoise(model, entries, noise[:, :, start:end]))
        if kind == "1.5" and (latents - half) % 2:
            pytest.skip("the second window would not be a video of whole patches")
        windowed_model = in_windows(model, half)
        windowed_model.model_options["context_handler"].causal_window_fix = False  # it puts a frame in front
        windowed = denoise(windowed_model, whole, noise)
        assert distance(windowed, torch.cat(parts, dim=2)) < 1e-5

    def test_windows_that_take_one_entry_each_are_refused(self, load_native, morph, native, core):
        model = load_native("2b")
        with pytest.raises(
            core.SamplingError, match=r"^context windows: expected split_conds_to_windows off for a morph"
        ):
            native(in_windows(model, 3, split_conds_to_windows=True), morph(model))


class TestPrompts:
    def test_several_prompts_in_time(self, load_native, load_model, morph, native, own, native_prompts, tiny_folders):
        third = native_prompts["negative"]
        given = {"curve": "0: A, 8: C, 16: B", "prompts": {"C": third}}
        embeddings = [native_prompts[name][0][0] for name in ("positive", "other", "negative")]

        def of_frame(predict, frame):
            middle = MIDDLES[frame]
            first, last, part = (0, 2, middle / 8) if middle < 8 else (2, 1, middle / 8 - 1)
            return predict((1 - part) * embeddings[first] + part * embeddings[last])

        size = {"width": 64, "height": 48, "num_frames": 17, "num_inference_steps": STEPS}
        expected = sample_literally(tiny_folders["2b"], of_frame, *embeddings[::2], latents=5, **size)
        model, (ours, _) = load_native("2b"), load_model("2b")
        assert distance(native(model, morph(model, **given)), expected) < 1e-4
        assert distance(own(ours, morph(ours, **given)), expected) < 1e-4
        assert len(morph(model, **given, quality="fast")) == 3

    def test_letters_without_a_prompt_are_refused(self, load_native, morph, native_prompts, core):
        model, third = load_native("2b"), native_prompts["negative"]
        with pytest.raises(core.RichSpaceError, match=r"^curve: .* A to B, got C\. Connect a prompt to C"):
            morph(model, curve="0%: A, 100%: C")
        with pytest.raises(
            core.RichSpaceError, match=r"^C: expected a prompt, since none may be left out, got nothing"
        ):
            morph(model, prompts={"C": None, "D": third})

    def test_prompts_of_different_encoders_are_refused(self, load_native, morph, core):
        other = conditioning(torch.randn(20, 16), 5)
        with pytest.raises(
            core.EmbeddingError, match=r"^B: .* Encode all prompts of a mixture with the same text encoder"
        ):
            morph(load_native("2b"), b=other)
        with pytest.raises(
            core.EmbeddingError, match=r"^C: .* Encode all prompts of a mixture with the same text encoder"
        ):
            morph(load_native("2b"), prompts={"C": other}, quality="fast")

    def test_inputs_stay_as_they_are(self, load_native, morph, native_prompts):
        given = frozen(native_prompts)
        morph(load_native("2b"))
        assert identical(given, (native_prompts,))

    def test_a_size_comes_from_the_latent(self, load_native, runs, morph, core):
        model = load_native("2b")
        positive = morph(model, latent=runs.empty(model, frames=25), frames=0)
        assert {tuple(entry[1]["mask"].shape) for entry in positive} == {(7, 6, 8)}
        with pytest.raises(core.SamplingError, match=r"^latent: expected the latent that you sample, or a number of"):
            morph(model, frames=0)

    def test_the_own_length_of_a_model_of_the_packs_sampler(self, load_model, morph):
        ours, _ = load_model("2b")
        own_frames = ours.folder.video_size().frames
        assert len(morph(ours, frames=0)[0][1]["mask"]) == ours.folder.latent_frames(own_frames)

    def test_a_typo_is_named(self, load_native, morph, core):
        with pytest.raises(core.RichSpaceError, match=r"^curve: .* got 'X' at character 20"):
            morph(load_native("2b"), curve="0%: A, 40%: A, 60: X")


class TestScores:
    @pytest.fixture
    def choice(self, core):
        """Return a function that makes the choice of a finder with one curve."""
        module = __import__(f"{core.__name__}.finder.choice", fromlist=["Choice"])

        def choice(name):
            values = (torch.arange(1, 31, dtype=torch.float64) / 30) ** 2
            return module.Choice(15, 15, 0.5, (module.Curve(name, values),))

        return choice

    def test_the_morph_is_even_in_what_is_seen(self, load_native, morph, native_prompts, choice):
        model = load_native("2b")
        a, b = native_prompts["positive"][0][0], native_prompts["other"][0][0]
        positive = morph(model, curve="0%: A, 100%: B", scores=(choice("share seen"),))
        for (values, extras), middle in zip(positive, MIDDLES, strict=True):
            assert extras["mask"][MIDDLES.index(middle)].min() == 1
            weight = (1 - middle / 16) ** 0.5
            torch.testing.assert_close(values, weight * a + (1 - weight) * b, rtol=0, atol=0.02)

    def test_fast_averages_by_the_same_weights(self, load_native, morph, choice):
        model = load_native("2b")
        of_a, of_b = morph(model, curve="0%: A, 100%: B", quality="fast", scores=(choice("share seen"),))
        weights = of_a[1]["mask"][:, 0, 0]
        expected = torch.tensor([(1 - middle / 16) ** 0.5 for middle in MIDDLES])
        torch.testing.assert_close(weights, expected, rtol=0, atol=0.02)
        torch.testing.assert_close(of_b[1]["mask"][:, 0, 0], 1 - weights)

    def test_scores_of_another_finder_are_refused(self, load_native, morph, choice, core):
        model = load_native("2b")
        with pytest.raises(core.RichSpaceError, match=r"^scores: .* got a curve of full"):
            morph(model, scores=(choice("full"),))
        with pytest.raises(core.RichSpaceError, match=r"^scores: .* got the scores of 2 stages"):
            morph(model, scores=(choice("share seen"), choice("share seen")))


def test_the_page_gets_the_times_of_the_latent_frames(load_native, nodes_by_id, native_prompts):
    given = {"a": native_prompts["positive"], "b": native_prompts["other"], "frames": 17}
    (drawn,) = run_node(nodes_by_id["RichSpaceMorph"], model=load_native("2b"), **given).ui["richspace_morph"]
    assert drawn == {"frames": 17, "middles": MIDDLES, "prompts": ["prompt 0", "prompt 2"]}
