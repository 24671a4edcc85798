"""Balance nodes: drafts of ComfyUI's sampling and of diffusers', kept for the next run; errors; progress and cancel."""

import gc
import importlib
import tracemalloc
import uuid

import pytest
import torch
from host_windows import in_windows
from node_runs import results, run_node

KINDS = ("own", "native")
QUICK = {"draft_steps": 2, "cfg": 4.0, "seed": 7}


@pytest.fixture(scope="session")
def kept(pack):
    """Return the pack's module that keeps drafts."""
    return importlib.import_module(f"{pack.__name__}.nodes.host.kept_drafts")


@pytest.fixture(autouse=True)
def drafts(kept, monkeypatch):
    """Start without kept drafts; return the store, which counts its hits."""
    store = kept.KeptDrafts()
    monkeypatch.setattr(importlib.import_module(kept.__name__.replace("kept_drafts", "drafts")), "KEPT", store)
    return store


@pytest.fixture
def makers(pack):
    """Return {kind: class that makes the drafts}."""
    module = importlib.import_module(f"{pack.__name__}.nodes.host.drafters")
    return {"own": module.CogVideoXDrafter, "native": module.HostDrafter}


@pytest.fixture
def demo(nodes_by_id):
    """Return {kind: (inputs of a balance node, function that encodes)} of the bundled demo model."""
    own, encoder = results(nodes_by_id["RichSpaceLoadCogVideoX"], model="bundled demo", dtype="float32")
    native, _, _ = results(nodes_by_id["RichSpaceLoadCogVideoXNative"], model="bundled demo", dtype="float32")
    (latent,) = results(
        nodes_by_id["RichSpaceEmptyCogVideoXLatent"], model=native, width=0, height=0, frames=0, batch_size=1
    )

    def encode(text, with_encoder=encoder):
        return results(nodes_by_id["RichSpaceT5Encode"], encoder=with_encoder, text=text)[0]

    inputs = {
        "own": {"model": own, "width": 0, "height": 0, "frames": 0},
        "native": {"model": native, "latent": latent, "sampler_name": "ddim", "scheduler": "simple"},
    }
    return {kind: ({**inputs[kind], "negative": encode("")}, encode) for kind in KINDS}


@pytest.fixture
def balance(nodes_by_id, demo):
    """Return a function that runs a balance node on the demo model: kind, a and b to its NodeOutput."""
    ids = {"own": "RichSpaceCogVideoXBalance", "native": "RichSpaceBalance"}

    def run(kind, a="a large plain red circle moves right", b="a large plain blue circle moves right", **inputs):
        fixed, encode = demo[kind]
        prompts = {name: encode(text) if isinstance(text, str) else text for name, text in {"a": a, "b": b}.items()}
        return run_node(nodes_by_id[ids[kind]], **{**fixed, **prompts, **QUICK, **inputs})

    return run


def looks_of(output):
    """Return {candidate: share seen} of a node's choice."""
    (choice,) = output.result[3]
    return {each.index: each.value for each in choice.measured}


class TestBothNodes:
    @pytest.mark.parametrize("kind", KINDS)
    def test_give_the_mixture_of_the_candidate_that_shows_the_share(self, kind, balance, demo, nodes_by_id):
        output = balance(kind, share=0.5, looks=6)
        mixture, index, weight, (choice,) = output.result
        assert weight == index / 30
        assert choice.index == choice.best == index
        assert abs(looks_of(output)[index] - 0.5) < 0.08
        _, encode = demo[kind]
        by_hand = results(
            nodes_by_id["RichSpaceInterpolate"],
            a=encode("a large plain red circle moves right"),
            b=encode("a large plain blue circle moves right"),
            index=index,
            steps=30,
        )[0]
        assert torch.equal(mixture[0][0], by_hand[0][0])
        assert mixture[0][1]["richspace"] == by_hand[0][1]["richspace"]

    def test_see_the_same(self, balance):
        # KSampler's noise has another layout than diffusers', and the place hardly depends on the noise.
        own, native = (looks_of(balance(kind, looks=1, draft_steps=1)) for kind in KINDS)
        assert own.keys() == native.keys()
        assert own[15] == pytest.approx(native[15], abs=0.1)

    @pytest.mark.parametrize("kind", KINDS)
    def test_a_wanted_share_moves_the_index(self, kind, balance):
        low, middle, high = (balance(kind, share=share, looks=4).result[1] for share in (0.2, 0.5, 0.8))
        assert low < middle < high

    @pytest.mark.parametrize("kind", KINDS)
    def test_show_curve_pictures_and_cost(self, kind, balance):
        output = balance(kind, looks=2)
        (choice,) = output.result[3]
        assert [curve.name for curve in choice.curves] == ["share seen"]
        for each in choice.measured:
            assert each.picture.shape[-1] == 3
            assert 0 <= float(each.picture.min()) <= float(each.picture.max()) <= 1
        (text,) = output.ui["text"]
        assert f"{len(choice.measured)} drafts of 2 steps: " in text
        ((shown,),) = output.ui["richspace"]
        assert shown["wanted"] == 0.5

    @pytest.mark.parametrize("kind", KINDS)
    def test_a_candidate_picked_by_hand(self, kind, balance):
        found = balance(kind)
        picked = balance(kind, index=3)
        assert picked.result[1] == 3
        assert picked.result[3][0].best == found.result[1]

    @pytest.mark.parametrize(
        ("sampler", "scheduler"), [("uni_pc", "simple"), ("dpm_fast", "ddim_uniform"), ("euler", "kl_optimal")]
    )
    def test_the_first_prediction_is_no_matter_of_the_sampler(self, balance, sampler, scheduler):
        balance("native", draft_steps=1)
        same = balance("native", draft_steps=1, sampler_name=sampler, scheduler=scheduler)
        assert "first predictions (all from an earlier run)" in same.ui["text"][0]

    def test_without_a_negative_the_pack_s_own_takes_the_empty_prompt(self, balance):
        connected, free = (balance("own", **given) for given in ({}, {"negative": None}))
        assert looks_of(free) == looks_of(connected)
        assert "(all from an earlier run)" in free.ui["text"][0]  # the very same drafts

    def test_without_a_negative_any_other_model_makes_drafts_with_cfg_1(self, balance):
        unguided, free = (balance("native", **given) for given in ({"cfg": 1.0}, {"negative": None}))
        assert looks_of(free) == looks_of(unguided) != looks_of(balance("native"))
        remark = "no negative prompt is connected, so the drafts are made with cfg 1"
        assert remark in free.ui["text"][0]
        assert "(all from an earlier run)" in free.ui["text"][0]
        for without_guidance in ({"draft_steps": 1}, {"cfg": 1.0}):
            assert remark not in balance("native", **{"negative": None, **without_guidance}).ui["text"][0]

    def test_first_look(self, balance):
        assert 9 in looks_of(balance("own", looks=1, first_look=9))


class TestKeptDrafts:
    @pytest.mark.parametrize("kind", KINDS)
    def test_a_changed_share_and_a_click_sample_nothing_again(self, kind, balance, drafts, progress):
        first = balance(kind)
        made = set(looks_of(first))
        progress.clear()
        again = balance(kind, index=4)
        assert set(looks_of(again)) == made
        assert f"{len(made)} drafts of 2 steps (all from an earlier run)" in again.ui["text"][0]
        before = len(drafts)
        other = balance(kind, share=0.501)
        assert len(drafts) - before == len(set(looks_of(other)) - made)

    @pytest.mark.parametrize("kind", KINDS)
    def test_a_changed_prompt_keeps_the_draft_of_the_other(self, kind, balance, drafts):
        balance(kind, looks=1)
        before = len(drafts)
        balance(kind, looks=1, b="a large plain green circle moves right")
        assert len(drafts) - before == 2  # B and the middle

    @pytest.mark.parametrize("kind", KINDS)
    @pytest.mark.parametrize("changed", [{"seed": 8}, {"cfg": 4.5}, {"draft_steps": 3}, {"draft_steps": 9}])
    def test_other_settings_sample_anew(self, kind, changed, balance):
        first = balance(kind, looks=1)
        second = balance(kind, looks=1, **changed)
        assert "earlier run" not in second.ui["text"][0]
        assert looks_of(first)[15] != looks_of(second)[15]

    def test_are_bounded(self, kept):
        model = KeptDraftsModel()
        store = kept.KeptDrafts(most_bytes=3 * 400)
        for number in range(5):
            store.keep(model, str(number), torch.zeros(100))
            store.get(model, "0")
        assert store.bytes == 3 * 400
        assert [store.get(model, str(number)) is not None for number in range(5)] == [True, False, False, True, True]

    def test_go_with_their_model(self, kept):
        model, store = KeptDraftsModel(), kept.KeptDrafts()
        store.keep(model, "draft", torch.zeros(3))
        assert len(store) == 1
        del model
        gc.collect()
        assert len(store) == 0

    def test_leave_nothing_behind_when_their_models_go(self, kept):
        store, draft = kept.KeptDrafts(), torch.zeros(3)

        def load_and_drop(models):
            for _ in range(models):
                model = KeptDraftsModel()
                for _ in range(5):
                    store.keep(model, uuid.uuid4().hex, draft)

        load_and_drop(10)
        tracemalloc.start()
        try:
            load_and_drop(200)
            gc.collect()
            left, _ = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        assert len(store) == 0
        assert left < 20_000

    def test_go_with_a_native_model_that_comfyui_lets_go(self, drafts, management, load_native, runs):
        model = load_native("2b")
        drafts.keep(model, "draft", torch.zeros(3))
        runs.ksampler(model, runs.empty(model, frames=9), steps=1)
        del model
        management.unload_all_models()
        gc.collect()
        assert len(drafts) == 0


class KeptDraftsModel:
    """Stand-in for a model that drafts are kept with."""


class TestFingerprint:
    @pytest.mark.parametrize(
        ("one", "other"),
        [
            (torch.zeros(2), torch.zeros(3)),
            (torch.zeros(2), torch.zeros(2, dtype=torch.bfloat16)),
            (torch.zeros(2, 1), torch.zeros(1, 2)),
            (1, 1.0),
            (1, True),
            ("1", 1),
            (["a", "b"], ["ab"]),
            ({"a": 1}, {"a": 2}),
            (None, "None"),
        ],
    )
    def test_differs(self, kept, one, other):
        assert kept.fingerprint(one) == kept.fingerprint(one) != kept.fingerprint(other)

    def test_follows_the_values(self, kept):
        assert kept.fingerprint(torch.ones(3), {"a": [1, 2]}) == kept.fingerprint(torch.ones(3), {"a": [1, 2]})
        assert kept.fingerprint(torch.tensor(1.0)) is not None

    def test_refuses_what_it_cannot_read(self, kept):
        assert kept.fingerprint({"control": object()}) is None


class TestProgress:
    @pytest.mark.parametrize("kind", KINDS)
    @pytest.mark.usefixtures("previews")
    def test_one_bar_over_all_drafts_with_previews(self, kind, balance, progress):
        output = balance(kind, looks=3)
        values, totals, pictures = zip(*progress, strict=True)
        assert set(totals) == {10}
        assert list(values) == sorted(values)
        assert values[-1] <= 2 * len(looks_of(output))
        assert all(picture is not None for picture in pictures)

    @pytest.mark.parametrize("kind", KINDS)
    def test_a_cancel_in_the_third_draft_keeps_the_two_before(
        self, kind, balance, drafts, makers, monkeypatch, management
    ):
        maker = makers[kind]
        sample, calls = maker.sample, []

        def interrupted(self, prompt, on_step):
            calls.append(prompt)
            if len(calls) == 3:
                management.interrupt_current_processing()
            return sample(self, prompt, on_step)

        monkeypatch.setattr(maker, "sample", interrupted)
        with pytest.raises(management.InterruptProcessingException):
            balance(kind)
        assert len(drafts) == 2
        assert "(2 from an earlier run)" in balance(kind).ui["text"][0]


class TestChain:
    @pytest.fixture
    def chain(self, nodes_by_id, demo):
        ids = {"own": "RichSpaceCogVideoXChainedBalance", "native": "RichSpaceChainedBalance"}

        def run(kind, *texts, **inputs):
            fixed, encode = demo[kind]
            prompts = {f"prompt_{number}": encode(text) for number, text in enumerate(texts, start=1)}
            return run_node(nodes_by_id[ids[kind]], **{**fixed, "prompts": prompts, **QUICK, **inputs})

        return run

    TEXTS = tuple(f"a large plain {hue} circle moves right" for hue in ("red", "lime", "blue"))

    @pytest.mark.parametrize("kind", KINDS)
    def test_is_two_nodes_one_after_another(self, kind, chain, demo, balance, nodes_by_id):
        mixture, choices = chain(kind, *self.TEXTS).result
        assert [choice.wanted for choice in choices] == pytest.approx([1 / 2, 2 / 3])
        fixed, encode = demo[kind]
        first = balance(kind, *self.TEXTS[:2]).result
        second = run_node(
            nodes_by_id[{"own": "RichSpaceCogVideoXBalance", "native": "RichSpaceBalance"}[kind]],
            **{**fixed, **QUICK, "a": first[0], "b": encode(self.TEXTS[2]), "share": 2 / 3},
        ).result
        assert [choice.index for choice in choices] == [first[1], second[1]]
        assert torch.equal(mixture[0][0], second[0][0][0])

    def test_the_negative_can_stay_unconnected(self, chain):
        connected, free = (chain("own", *self.TEXTS, **given).result for given in ({}, {"negative": None}))
        assert torch.equal(free[0][0][0], connected[0][0][0])
        report = chain("native", *self.TEXTS, negative=None).ui["text"][0]
        assert "no negative prompt is connected, so the drafts are made with cfg 1" in report

    def test_shares(self, chain):
        choices = chain("own", *self.TEXTS, shares="50%, 25, 25").result[1]
        assert [choice.wanted for choice in choices] == pytest.approx([2 / 3, 3 / 4])

    def test_candidates_picked_by_hand(self, chain):
        found = chain("own", *self.TEXTS).result[1]
        mixture, choices = chain("own", *self.TEXTS, indices=f", {found[1].index + 1}").result
        assert [choice.index for choice in choices] == [found[0].index, found[1].index + 1]
        assert [choice.best for choice in choices] == [choice.best for choice in found]
        assert mixture is not None

    @pytest.mark.parametrize("wrong", ["1, 2", "1, 2, 3, 4", "1, 0, 1", "1, -1, 1", "a, b, c", "1,,1", "inf, 1, 1"])
    def test_wrong_shares(self, chain, core, wrong):
        with pytest.raises(core.RichSpaceError, match="shares: expected 3 numbers above 0"):
            chain("own", *self.TEXTS, shares=wrong)

    def test_errors_name_the_stage(self, chain, core):
        same = (self.TEXTS[0], self.TEXTS[0], self.TEXTS[1])
        with pytest.raises(core.RichSpaceError, match=r"stage 1, .*the same draft twice"):
            chain("own", *same)

    def test_a_gap(self, nodes_by_id, demo, core):
        fixed, encode = demo["native"]
        prompts = {f"prompt_{number}": encode(self.TEXTS[0]) for number in (1, 3, 4)}
        with pytest.raises(core.RichSpaceError, match="prompt_2: expected a conditioning"):
            run_node(nodes_by_id["RichSpaceChainedBalance"], **{**fixed, "prompts": prompts})


class TestBadInput:
    @pytest.mark.parametrize("kind", KINDS)
    def test_equal_prompts(self, kind, balance, core):
        with pytest.raises(core.RichSpaceError, match="the same video with this seed"):
            balance(kind, b="a large plain red circle moves right")

    @pytest.mark.parametrize("kind", KINDS)
    def test_more_looks_than_candidates(self, kind, balance):
        assert sorted(looks_of(balance(kind, steps=3, looks=30))) in ([0, 1, 3], [0, 1, 2, 3])

    def test_a_sampler_that_ends_in_nan(self, demo, balance, drafts, core):
        model = demo["native"][0]["model"].clone()
        model.set_model_sampler_post_cfg_function(lambda args: args["denoised"] * float("nan"))
        with pytest.raises(core.RichSpaceError, match="draft of A: expected finite values, got NaN"):
            balance("native", model=model)
        assert len(drafts) == 0

    def test_a_batch_in_the_latent(self, demo, balance):
        latent = demo["native"][0]["latent"]
        batch = {**latent, "samples": latent["samples"].repeat(3, 1, 1, 1, 1)}
        assert "the drafts have the size of one of the 3 latents" in balance("native", latent=batch).ui["text"][0]

    def test_the_latent_gives_its_size_only(self, demo, balance):
        empty = balance("native")
        latent = demo["native"][0]["latent"]
        full = {**latent, "samples": torch.randn_like(latent["samples"])}
        assert "(all from an earlier run)" in balance("native", latent=full).ui["text"][0]
        assert looks_of(empty) == looks_of(balance("native", latent=full))

    def test_a_latent_of_another_model(self, balance, core):
        with pytest.raises(core.RichSpaceError, match="latent: expected a latent with the model's 8 channels, got 4"):
            balance("native", latent={"samples": torch.ones(1, 4, 8, 8)})

    def test_a_latent_with_sound(self, balance, core):
        from comfy.nested_tensor import NestedTensor

        latent = {"samples": NestedTensor([torch.zeros(1, 16, 2, 4, 4), torch.zeros(1, 8, 10)])}
        with pytest.raises(core.RichSpaceError, match=r"latent: .*got one of a video with sound"):
            balance("native", latent=latent)

    @pytest.mark.parametrize("kind", KINDS)
    def test_prompts_of_another_text_encoder(self, kind, balance, core):
        wide = [[torch.randn(1, 12, 7), {}] for _ in range(2)]
        with pytest.raises(core.RichSpaceError, match=r"A: expected (prompts and a latent that|an embedding of)"):
            balance(kind, a=[wide[0]], b=[wide[1]])

    @pytest.mark.parametrize("kind", KINDS)
    def test_memory_that_runs_out(self, kind, balance, drafts, makers, core, monkeypatch, management):
        maker = makers[kind]
        sample, calls = maker.sample, []

        def run_out(self, prompt, on_step):
            calls.append(prompt)
            if len(calls) == 3:
                raise management.OOM_EXCEPTION("no room")
            return sample(self, prompt, on_step)

        monkeypatch.setattr(maker, "sample", run_out)
        with pytest.raises(
            core.SamplingError, match=r"draft of candidate 15: .*got out of memory\. Drafts that are done"
        ):
            balance(kind)
        assert len(drafts) == 2

    def test_settings(self, balance, core):
        with pytest.raises(core.RichSpaceError, match="width"):
            balance("own", width=30)
        with pytest.raises(core.RichSpaceError, match="share"):
            balance("own", share=1.5)


class TestModelsThatOtherNodesHaveChanged:
    @pytest.mark.parametrize("name", ["EasyCacheNode", "LazyCacheNode"])
    def test_a_draft_of_two_steps_is_too_short_for_a_cache(self, balance, demo, name):
        from comfy_extras import nodes_easycache

        (cached,) = getattr(nodes_easycache, name).execute(demo["native"][0]["model"], 3.0, 0.0, 1.0, False).result
        plain = looks_of(balance("native", draft_steps=2, looks=1))
        assert looks_of(balance("native", draft_steps=2, looks=1, model=cached)) == plain

    def test_drafts_are_made_in_the_model_s_context_windows(self, balance, demo):
        model = demo["native"][0]["model"]
        latent = {"samples": torch.zeros(1, 16, 6, 8, 8)}
        whole = looks_of(balance("native", draft_steps=1, looks=1, latent=latent))
        one = looks_of(balance("native", draft_steps=1, looks=1, latent=latent, model=in_windows(model, 6)))
        parts = looks_of(balance("native", draft_steps=1, looks=1, latent=latent, model=in_windows(model, 3)))
        assert one == whole
        assert parts[15] != whole[15]
        assert parts[15] == pytest.approx(whole[15], abs=0.15)
