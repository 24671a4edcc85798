"""The benchmark of ComfyUI's own nodes and flags, on a narrow model with random weights."""

import importlib
from dataclasses import replace

import pytest
import torch
from environment.checkout import ROOT

QUICK = {"size": (32, 32, 9), "long_frames": 17, "steps": 3}


@pytest.fixture(scope="module")
def benchmark():
    """Return a function that imports a module of benchmarks/."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(ROOT / "benchmarks")
        yield importlib.import_module


@pytest.fixture
def subject(benchmark, pack):
    made = benchmark("native_subjects").MODELS["narrow"](pack)
    return replace(made, settings=replace(made.settings, **QUICK))


def table(capsys):
    """Return the rows of a printed table by their first cell, each as {header: cell}."""
    lines = [line.strip("| ").split(" | ") for line in capsys.readouterr().out.splitlines() if line.startswith("| ")]
    header, _, *rows = lines
    return {row[0]: dict(zip(header, row, strict=True)) for row in rows}


def test_nodes_without_effect_give_the_exact_latents_and_take_their_calls(benchmark, subject, capsys):
    options = benchmark("native_options")
    everything = replace(subject, settings=replace(subject.settings, has_all_rows=True))
    options.print_nodes(everything, options.changed_models(everything, is_compiled=False))
    rows = table(capsys)
    calls = {name: int(row["calls of the network"]) for name, row in rows.items()}
    assert rows["none"]["time saved"] == "0%"
    assert {name for name, row in rows.items() if row["PSNR in dB"] == "exact"} >= {"none", "NAGuidance", "HyperTile"}
    assert float(rows["dtype float8_e4m3fn of the loader"]["PSNR in dB"]) > 20
    assert (calls["none"], calls["PerturbedAttentionGuidance"]) == (3, 6)


def test_context_windows_call_the_network_once_for_each_window(benchmark, subject, capsys):
    benchmark("native_options").print_windows(subject.long())
    calls = [int(row["calls of the network"]) for row in table(capsys).values()]
    assert calls[:2] == [3, 6]


@torch.inference_mode()
def test_flags_are_compared_with_this_packs_sampler_and_the_exact_latents(benchmark, subject, tmp_path):
    exact = tmp_path / "exact.pt"
    torch.save(subject.sample(subject.model), exact)
    found = benchmark("native_flags").measure_flags(subject, exact)
    assert found["PSNR"] == "exact"
    assert float(found["ratio"]) > 0
    assert found["balance"] == ()
