"""Tier of the nodes: the pack loaded as ComfyUI loads it, and its nodes executed in this process."""

import contextlib
import importlib

import pytest
from comfyui.in_process import import_host, load_pack, node_classes
from conditionings import random_prompts
from environment.checkout import link_folder
from native_runs import NativeRuns
from node_runs import ProgressEvents, results
from small_models.tiny_models import KINDS, TEXT_ENCODER, TEXT_LENGTH, save_tiny_folder


@pytest.fixture(scope="session")
def host(tmp_path_factory):
    """Return ComfyUI's folder; from now on its modules can be imported, and its files are in a separate folder."""
    return import_host(tmp_path_factory.mktemp("nodes"))


@pytest.fixture(scope="session")
def pack(host):  # noqa: ARG001 - it imports ComfyUI's modules
    """Return the pack's root module."""
    return load_pack()


@pytest.fixture(scope="session")
def nodes_by_id(pack):
    """Return {node id: node class}, as ComfyUI gets them from the pack's entry point."""
    return node_classes(pack)


@pytest.fixture(scope="session")
def core(pack):
    """Return the pack's own richspace_core, a different copy from the installed one that other tiers import."""
    return importlib.import_module(f"{pack.__name__}.richspace_core")


@pytest.fixture(scope="session")
def host_memory(pack):
    """Return the pack's module for ComfyUI's model management."""
    return importlib.import_module(f"{pack.__name__}.nodes.host.memory")


@pytest.fixture(scope="session")
def models(pack):
    """Return the pack's module that finds models."""
    return importlib.import_module(f"{pack.__name__}.nodes.host.models")


@pytest.fixture(scope="session")
def native(pack):
    """Return the pack's package that corrects ComfyUI's own CogVideoX."""
    return importlib.import_module(f"{pack.__name__}.nodes.native")


@pytest.fixture(scope="session")
def native_vae(pack):
    """Return the pack's module that corrects ComfyUI's VAE of a CogVideoX."""
    return importlib.import_module(f"{pack.__name__}.nodes.native.vae")


@pytest.fixture(scope="session")
def vaes(host):  # noqa: ARG001 - ComfyUI's modules must be importable first
    """Return diffusers' VAE of the published size, the only size that ComfyUI knows, and ComfyUI's VAE."""
    import comfy.sd
    import torch
    from diffusers import AutoencoderKLCogVideoX

    torch.manual_seed(5)
    published = {"down_block_types": ["CogVideoXDownBlock3D"] * 4, "up_block_types": ["CogVideoXUpBlock3D"] * 4}
    theirs = AutoencoderKLCogVideoX(
        **published, block_out_channels=(128, 256, 256, 512), latent_channels=16, layers_per_block=3
    )
    theirs.eval().requires_grad_(False)
    stock = comfy.sd.VAE(sd=dict(theirs.state_dict()), dtype=torch.float32)
    return theirs, stock


@pytest.fixture(scope="session")
def native_frames(pack):
    """Return the pack's module that wraps a sampling of ComfyUI's own CogVideoX."""
    return importlib.import_module(f"{pack.__name__}.nodes.native.frames")


@pytest.fixture(scope="session")
def host_folder(host):  # noqa: ARG001 - ComfyUI's modules must be importable first
    """Return a context manager in which ComfyUI looks for models of a kind in a folder too; it yields the folder."""
    import folder_paths

    @contextlib.contextmanager
    def known(kind, path):
        folder_paths.add_model_folder_path(kind, str(path))
        try:
            yield path
        finally:
            folder_paths.folder_names_and_paths[kind][0].remove(str(path))

    return known


@pytest.fixture
def models_folder(tmp_path, host_folder):
    """Return a function that makes an empty folder for ComfyUI's models of a kind."""
    with contextlib.ExitStack() as folders:

        def folder(kind):
            path = tmp_path / kind
            path.mkdir()
            return folders.enter_context(host_folder(kind, path))

        yield folder


@pytest.fixture
def diffusers_folder(models_folder):
    """Return an empty folder for ComfyUI's diffusers models."""
    return models_folder("diffusers")


@pytest.fixture
def loras(models_folder):
    """Return an empty folder in which ComfyUI looks for LoRAs."""
    return models_folder("loras")


@pytest.fixture(scope="session")
def tiny_folders(tmp_path_factory):
    """Save tiny models of every kind, which tests copy or link but never change: {kind: folder}."""
    root = tmp_path_factory.mktemp("tiny")
    return {kind: save_tiny_folder(root / kind, kind) for kind in KINDS}


@pytest.fixture
def load_model(diffusers_folder, nodes_by_id, tiny_folders):
    """Return a function that loads a tiny model with the loader node: kind and dtype to (model, text encoder)."""

    def load(kind="2b", dtype="float32"):
        link = diffusers_folder / f"tiny-{kind}"
        if not link.exists():
            link_folder(link, tiny_folders[kind])
        return results(nodes_by_id["RichSpaceLoadCogVideoX"], model=link.name, dtype=dtype)

    return load


@pytest.fixture
def load_native(diffusers_folder, nodes_by_id, tiny_folders):
    """Return a function that loads a tiny model for ComfyUI's own nodes: kind and dtype to the corrected MODEL."""

    def load(kind, dtype="float32"):
        link = diffusers_folder / f"tiny-{kind}"
        if not link.exists():
            link_folder(link, tiny_folders[kind])
        return results(nodes_by_id["RichSpaceLoadCogVideoXNative"], model=link.name, dtype=dtype)[0]

    return load


@pytest.fixture(scope="session")
def native_prompts():
    """Return {name: conditioning} of random embeddings for the tiny models: positive, negative and other."""
    names = "positive", "negative", "other"
    return dict(zip(names, random_prompts(count=3, rows=TEXT_LENGTH, width=TEXT_ENCODER["d_model"]), strict=True))


@pytest.fixture
def runs(nodes_by_id, native_prompts):
    """Return ComfyUI's samplers on corrected models."""
    return NativeRuns(nodes_by_id, native_prompts)


@pytest.fixture
def management(host):  # noqa: ARG001 - ComfyUI's modules must be importable first
    """Yield ComfyUI's model management with nothing loaded before and after."""
    import comfy.model_management

    comfy.model_management.unload_all_models()
    yield comfy.model_management
    comfy.model_management.unload_all_models()


@pytest.fixture
def uses(monkeypatch, host_memory):
    """Record the weights that are requested, in order: nothing else is loaded."""
    asked = []
    loaded = host_memory.HostOwned.loaded

    def recorded(owned, **options):
        asked.append(owned)
        return loaded(owned, **options)

    monkeypatch.setattr(host_memory.HostOwned, "loaded", recorded)
    return asked


@pytest.fixture
def progress(host):  # noqa: ARG001 - ComfyUI's modules must be importable first
    """Record [(value, total, preview)] of ComfyUI's progress bar; `progress.on_step(value)` is called each time."""
    import comfy.utils

    events = ProgressEvents()
    before = comfy.utils.PROGRESS_BAR_HOOK
    comfy.utils.set_progress_bar_global_hook(events.hook)
    yield events
    comfy.utils.set_progress_bar_global_hook(before)


@pytest.fixture
def previews(host):  # noqa: ARG001 - ComfyUI's modules must be importable first
    """Turn previews on."""
    import latent_preview

    latent_preview.set_preview_method("auto")
    yield
    latent_preview.set_preview_method(None)
