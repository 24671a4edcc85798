"""What every tier shares: the checkout's place, the same randomness and threads, and no GPU tests without a GPU."""

import random
import signal
from pathlib import Path

import pytest
from environment.checkout import ROOT


def pytest_configure():
    # So that a request to terminate ends the tests as Ctrl-C does, and the servers that they started with them.
    signal.signal(signal.SIGTERM, signal.default_int_handler)


def pytest_collection_modifyitems(items):
    marked = [item for item in items if item.get_closest_marker("gpu")]
    if marked and not _cuda_is_available():
        for item in marked:
            item.add_marker(pytest.mark.skip(reason="needs an accelerator"))


def _cuda_is_available():
    import torch

    return torch.cuda.is_available()


@pytest.fixture(scope="session")
def root() -> Path:
    """The checkout's folder."""
    return ROOT


@pytest.fixture(scope="session", autouse=True)
def _one_thread():
    """Models this small are slower on several threads, much slower where others use the cores too."""
    import torch

    torch.set_num_threads(1)


@pytest.fixture(autouse=True)
def _seeds():
    """Every test starts from the same global random state; tests of randomness pass generators."""
    import numpy
    import torch

    random.seed(0)
    numpy.random.seed(0)
    torch.manual_seed(0)
