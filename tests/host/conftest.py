"""The host's tier: one real server in each process that runs tests."""

import pytest
from comfyui.server import ComfyServer
from environment.checkout import ARTIFACTS, link_folder
from reliability import cancels, small_runs
from small_models.single_files import add_single_files
from small_models.tiny_models import save_tiny_folder

TINY_MODEL = "CogVideoX-2b"


@pytest.fixture(scope="session")
def server(tmp_path_factory, worker_id):
    """A running ComfyUI with this pack and tiny single files, in a base directory of its own; its log is kept.

    Two monitors tell what its process holds and when its denoisers are called.
    """
    base = tmp_path_factory.mktemp("host")
    add_single_files(base)
    for monitor in (small_runs.MONITOR, cancels.MONITOR):
        link_folder(base / "custom_nodes" / monitor.name, monitor)
    with pytest.MonkeyPatch.context() as patch:
        # Models this small are slower on several threads, two to three times where others use the cores too.
        patch.setenv("OMP_NUM_THREADS", "1")
        with ComfyServer(base, log=ARTIFACTS / f"host-tests-{worker_id}.log") as running:
            yield running


@pytest.fixture(scope="session")
def diffusers_folder(server):
    """Where the server looks for diffusers models."""
    folder = server.base / "models" / "diffusers"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@pytest.fixture(scope="session")
def tiny_model(diffusers_folder):
    """A tiny model of the form of CogVideoX-2b, under the name that the workflows for it have; its folder."""
    return save_tiny_folder(diffusers_folder / TINY_MODEL, "2b")
