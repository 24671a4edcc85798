"""Fixtures of the host's tier: the folders of the server's models."""

import pytest


@pytest.fixture(scope="session")
def diffusers_folder(server):
    """Where the server looks for diffusers models."""
    return server.base / "models" / "diffusers"


@pytest.fixture(scope="session")
def tiny_model(diffusers_folder):
    """A tiny model of the form of CogVideoX-2b, under the name that the workflows for it have; its folder."""
    return diffusers_folder / "CogVideoX-2b"
