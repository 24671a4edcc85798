"""Weights managed by ComfyUI: loaded on use, evicted one by one, freed, and read again."""

import gc
import weakref

import pytest
import torch
from node_runs import results
from small_models.tiny_models import tiny_transformer

PROMPT = "A strawberry on a white plate turns slowly in soft daylight."


@pytest.fixture
def use_both(nodes_by_id):
    """Return a function that encodes and samples: (conditioning, latents)."""

    def use_both(model, encoder):
        (prompt, _) = results(nodes_by_id["RichSpaceT5Encode"], encoder=encoder, text=PROMPT)
        sample = nodes_by_id["RichSpaceCogVideoXSample"]
        (latent,) = results(sample, model=model, positive=prompt, negative=prompt, steps=1)
        return prompt[0][0], latent["samples"]

    return use_both


def loaded_classes(management):
    """Return the classes of the modules that ComfyUI has on their devices."""
    return sorted(type(patcher.model.module).__name__ for patcher in management.loaded_models())


def evict(management, owned):
    """Let ComfyUI unload one model, as it does when another needs the memory."""
    keep = [entry for entry in management.current_loaded_models if entry.model.model.module is not owned]
    management.free_memory(1e30, management.get_torch_device(), keep_loaded=keep)


class TestOwnership:
    def test_nothing_is_loaded_until_it_is_used(self, load_model, management):
        load_model()
        assert loaded_classes(management) == []

    def test_each_part_is_an_entry_of_its_own(self, load_model, management, use_both):
        model, encoder = load_model()
        use_both(model, encoder)
        assert loaded_classes(management) == ["CogVideoXTransformer3DModel", "T5EncoderModel"]
        model.vae.loaded()
        assert loaded_classes(management) == [
            "AutoencoderKLCogVideoX",
            "CogVideoXTransformer3DModel",
            "T5EncoderModel",
        ]

    def test_using_it_again_makes_no_second_entry(self, load_model, management, use_both):
        model, encoder = load_model()
        use_both(model, encoder)
        before = list(management.loaded_models())
        use_both(model, encoder)
        assert set(map(id, management.loaded_models())) == set(map(id, before))

    @pytest.mark.parametrize("evicted", ["text encoder", "transformer"])
    def test_the_parts_are_evicted_independently(self, load_model, management, use_both, evicted):
        model, encoder = load_model()
        expected = use_both(model, encoder)
        parts = {"text encoder": encoder.text_encoder.loaded(), "transformer": model.transformer.loaded()}
        evict(management, parts.pop(evicted))
        (left,) = parts.values()
        assert loaded_classes(management) == [type(left).__name__]
        for one, again in zip(expected, use_both(model, encoder), strict=True):
            assert torch.equal(one, again)
        assert len(management.loaded_models()) == 2

    def test_the_host_can_unload_all(self, load_model, management, use_both):
        model, encoder = load_model()
        expected = use_both(model, encoder)
        management.unload_all_models()
        assert management.loaded_models() == []
        for one, again in zip(expected, use_both(model, encoder), strict=True):
            assert torch.equal(one, again)

    def test_the_weights_die_with_what_the_loader_gave_out(self, load_model, management, use_both):
        model, encoder = load_model()
        use_both(model, encoder)
        parts = model.transformer, model.vae, encoder.text_encoder
        modules = [weakref.ref(owned.loaded()) for owned in parts]
        assert all(module() is not None for module in modules)
        del model, encoder, parts
        gc.collect()
        assert [module() for module in modules] == [None, None, None]
        assert management.loaded_models() == []

    def test_two_loaders_share_no_weights(self, load_model, management):  # noqa: ARG002
        (first, _), (second, _) = load_model(), load_model()
        assert first.transformer.loaded() is not second.transformer.loaded()


class TestNumberTypes:
    def test_auto_on_a_processor_is_float32(self, load_model, management):
        if management.get_torch_device().type != "cpu":
            pytest.skip("only where there is no accelerator")
        model, encoder = load_model(dtype="auto")
        parts = (model.transformer, model.vae, encoder.text_encoder)
        assert [owned.dtype for owned in parts] == [torch.float32] * 3
        assert {weight.dtype for owned in parts for weight in owned.loaded().parameters()} == {torch.float32}

    @pytest.mark.parametrize(
        ("stored", "usable", "expected"),
        [
            (torch.float16, True, torch.float16),
            (torch.float16, False, torch.float32),
            (torch.bfloat16, True, torch.bfloat16),
            (torch.bfloat16, False, torch.float32),
            (torch.float32, True, torch.float32),
        ],
    )
    def test_auto_is_the_stored_type_where_the_device_can(
        self, host_memory, management, monkeypatch, stored, usable, expected
    ):
        for name in ("should_use_fp16", "should_use_bf16"):
            monkeypatch.setattr(management, name, lambda *_, **__: usable)
        owned = host_memory.HostOwned("transformer", lambda _: tiny_transformer(), stored_dtype=stored, dtype=None)
        assert owned.dtype == expected

    @pytest.mark.parametrize("dtype", ["bfloat16", "float16", "float32"])
    def test_a_chosen_one_is_used(self, load_model, management, use_both, dtype):  # noqa: ARG002
        model, encoder = load_model(dtype=dtype)
        results = use_both(model, encoder)
        wanted = getattr(torch, dtype)
        for owned in (model.transformer, model.vae, encoder.text_encoder):
            weights = owned.loaded().named_parameters()
            # transformers keeps these of T5 in float32: in float16 they overflow.
            assert {weight.dtype for name, weight in weights if not name.endswith(".wo.weight")} == {wanted}
        assert {values.dtype for values in results} == {torch.float32}  # what ComfyUI's nodes expect
        assert all(torch.isfinite(values).all() for values in results)


class TestMemoryThatIsAskedFor:
    def test_the_host_makes_room_for_the_computation_too(self, load_model, use_both, management, monkeypatch):
        model, encoder = load_model()
        asked = []
        load_models_gpu = management.load_models_gpu

        def recorded(patchers, memory_required=0, **options):
            asked.append((type(patchers[0].model.module).__name__, memory_required, options))
            return load_models_gpu(patchers, memory_required=memory_required, **options)

        monkeypatch.setattr(management, "load_models_gpu", recorded)
        use_both(model, encoder)
        needed = model.folder.sampling_memory(model.folder.video_size(), model.transformer.dtype)
        assert asked == [
            ("T5EncoderModel", 0, {"force_full_load": True}),
            ("CogVideoXTransformer3DModel", needed, {"force_full_load": True}),
        ]
        assert needed > 0
