"""The host's tier: one real server for all of it."""

import pytest
from checkout import ARTIFACTS
from comfy_server import ComfyServer


@pytest.fixture(scope="session")
def server(tmp_path_factory):
    """A running ComfyUI with this pack, in a base directory of its own; its log is kept as an artifact."""
    with ComfyServer(tmp_path_factory.mktemp("host"), log=ARTIFACTS / "host-tests.log") as running:
        yield running
