"""The benchmark of the options of this pack's CogVideoX, on a narrow model with random weights."""

import importlib

import pytest
import torch
from environment.checkout import ROOT

from richspace_core import TextEmbedding
from richspace_core.cogvideox.config import VideoSize
from richspace_core.cogvideox.options import NO_OPTIONS, SpeedOptions
from richspace_core.cogvideox.sampling import SamplingSettings

with pytest.MonkeyPatch.context() as patch:
    patch.syspath_prepend(ROOT / "benchmarks")
    options = importlib.import_module("options")
    NARROW = importlib.import_module("random_model").NARROW

CPU = torch.device("cpu")


def test_each_option_is_compared_with_none(monkeypatch):
    measured = {"off": NO_OPTIONS, "float8": SpeedOptions(float8=True), "streamed": SpeedOptions(stream_to=CPU)}
    monkeypatch.setattr(options, "every_option", lambda _: measured)
    prompts = (TextEmbedding(values, len(values)) for values in NARROW.embed_prompts())
    settings = SamplingSettings(VideoSize(32, 32, 9), 2, 4.0)
    narrow = options.Subject(NARROW.folder, NARROW.load, *prompts, settings, CPU)
    found = list(narrow.measure(lambda latents: latents, rounds=1))
    assert [each for each, _, _ in found] == list(measured.values())
    rows = {name: dict(zip(options.HEADER[1:], rest, strict=True)) for _, _, (name, *rest) in found}
    assert (rows["off"]["saved"], rows["off"]["PSNR in dB"], rows["streamed"]["PSNR in dB"]) == ("0%", "exact", "exact")
    assert float(rows["float8"]["PSNR in dB"]) > 20
    assert float(rows["float8"]["weights in MiB"]) < float(rows["off"]["weights in MiB"])
