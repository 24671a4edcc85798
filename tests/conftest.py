"""Fixtures and hooks of all tiers: the checkout's folder, random seeds, threads, and tests that need a GPU."""

import random
import signal
from pathlib import Path

import pytest
from environment.checkout import ROOT


def pytest_configure():
    # A request to terminate ends the tests, and the servers that they started, as Ctrl-C does.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    # A job in the background ignores Ctrl-C, as would the programs that the tests start and interrupt.
    signal.signal(signal.SIGINT, signal.default_int_handler)


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
    """Folder of the checkout."""
    return ROOT


@pytest.fixture(scope="session", autouse=True)
def _one_thread():
    """Use one thread: small models are slower on several, and much slower if other programs use the cores."""
    import torch

    torch.set_num_threads(1)


@pytest.fixture(autouse=True)
def _seeds():
    """Start every test from the same global random state. Tests of randomness pass generators."""
    import numpy
    import torch

    random.seed(0)
    numpy.random.seed(0)
    torch.manual_seed(0)
