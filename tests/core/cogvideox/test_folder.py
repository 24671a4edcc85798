"""CogVideoX folder: what it loads, and the errors of a bad folder before a weight is read."""

from __future__ import annotations

import json
import math
import pickle
import shutil
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from small_models.tiny_models import DEMO_MODEL, KINDS, SCHEDULERS, TEXT_LENGTH

from richspace_core import ModelFolderError, SamplingError
from richspace_core.cogvideox.config import (
    VideoSize,
)
from richspace_core.cogvideox.folder import CogVideoXFolder, may_be_cogvideox

# diffusers 0.42 wants `dtype`, which 0.35, the oldest that the pack takes, does not know.
pytestmark = pytest.mark.filterwarnings("ignore:`torch_dtype` is deprecated:FutureWarning")

WEIGHTS = {
    "text_encoder": "model.safetensors",
    "transformer": "diffusion_pytorch_model.safetensors",
    "vae": "diffusion_pytorch_model.safetensors",
}
CLASSES = {
    "text_encoder": "T5EncoderModel",
    "transformer": "CogVideoXTransformer3DModel",
    "vae": "AutoencoderKLCogVideoX",
}
every_part = pytest.mark.parametrize("part", WEIGHTS)


@pytest.fixture
def folder(tiny_folder, tmp_path) -> Path:
    """Return a copy of the 2B-like folder that a test may damage."""
    return Path(shutil.copytree(tiny_folder("2b"), tmp_path / "model"))


def change_json(file: Path, **changes):
    file.write_text(json.dumps(json.loads(file.read_text()) | changes))


def shard(folder: Path, part: str) -> Path:
    """Split the weights of a part into two files and an index, as in the published 5B."""
    single = folder / part / WEIGHTS[part]
    weights = load_file(single)
    single.unlink()
    stem = single.name.removesuffix(".safetensors")
    index = {}
    for number, names in enumerate((sorted(weights)[::2], sorted(weights)[1::2]), start=1):
        name = f"{stem}-0000{number}-of-00002.safetensors"
        save_file({key: weights[key] for key in names}, folder / part / name, metadata={"format": "pt"})
        index |= dict.fromkeys(names, name)
    size = sum(weight.nbytes for weight in weights.values())
    file = folder / part / f"{stem}.safetensors.index.json"
    file.write_text(json.dumps({"metadata": {"total_size": size}, "weight_map": index}))
    return file


class TestOpen:
    def test_the_demo(self):
        demo = CogVideoXFolder.open(DEMO_MODEL)
        assert demo.path == DEMO_MODEL
        assert demo.video_size() == VideoSize(64, 64, 9)
        assert (demo.text_length, demo.text_width) == (64, 64)

    @pytest.mark.parametrize("kind", KINDS)
    def test_every_kind(self, kind, tiny_folder):
        opened = CogVideoXFolder.open(tiny_folder(kind))
        assert (opened.text_length, opened.text_width) == (TEXT_LENGTH, 32)
        assert (opened.spatial_ratio, opened.temporal_ratio, opened.size_step, opened.frame_step) == (8, 4, 16, 8)
        assert opened.patch_frames == (2 if kind == "1.5" else 1)
        assert opened.video_size() == (VideoSize(64, 64, 9) if kind == "1.5" else VideoSize(48, 32, 9))
        assert opened.scaling_factor == (1.15258426 if kind == "2b" else 0.7)

    @every_part
    def test_reads_no_weights(self, part, folder):
        file = folder / part / WEIGHTS[part]
        content = bytearray(file.read_bytes())
        header = 8 + int.from_bytes(content[:8], "little")
        content[header:] = b"\xff" * (len(content) - header)  # every weight a NaN
        file.write_bytes(content)
        opened = CogVideoXFolder.open(folder)
        assert opened.stored_dtype(part) == torch.float16
        # And they are the weights that loading would have read.
        assert any(weight.isnan().any() for weight in opened.load(part, torch.float32).parameters())

    @every_part
    @pytest.mark.skipif(sys.platform != "linux", reason="counts Linux's page faults")
    def test_reads_no_more_of_more_weights(self, part, folder):
        import resource

        size = 1 << 31  # two gigabytes, all of it a hole in the file
        header = json.dumps({"weight": {"dtype": "BF16", "shape": [size // 2], "data_offsets": [0, size]}}).encode()
        with (folder / part / WEIGHTS[part]).open("wb") as file:
            file.write(len(header).to_bytes(8, "little") + header)
            file.truncate(8 + len(header) + size)
        before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
        assert CogVideoXFolder.open(folder).stored_dtype(part) == torch.bfloat16
        # Reading it would touch half a million pages, sixteen in one fault at best.
        assert resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before < 8_000

    def test_what_is_not_needed_may_lie_beside(self, folder):
        (folder / "README.md").write_text("hello")
        (folder / "vae" / "diffusion_pytorch_model.bin").write_bytes(b"pickled twin")
        assert CogVideoXFolder.open(folder).video_size() == VideoSize(48, 32, 9)

    def test_tokenizer_json_alone_is_enough(self, folder):
        (folder / "tokenizer" / "spiece.model").rename(folder / "tokenizer" / "tokenizer.json")
        assert CogVideoXFolder.open(folder).path == folder


class TestLoad:
    @every_part
    @pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
    def test_holds_the_files_weights_ready_for_inference(self, part, dtype, tiny_folder):
        path = tiny_folder("2b")
        module = CogVideoXFolder.open(path).load(part, dtype)
        assert type(module).__name__ == CLASSES[part]
        assert not module.training
        assert not any(weight.requires_grad for weight in module.parameters())
        assert {weight.device.type for weight in module.parameters()} == {"cpu"}
        held = module.state_dict()
        stored = load_file(path / part / WEIGHTS[part])
        for name, weight in stored.items():
            kept_wide = held[name].dtype == torch.float32  # transformers keeps T5's `wo` in float32 in half types
            assert held[name].dtype == dtype or (kept_wide and name.endswith(".wo.weight"))
            assert torch.equal(held[name], weight.to(dtype).to(held[name].dtype) if not kept_wide else weight.float())

    @every_part
    def test_shards_load_to_the_same_weights(self, part, folder):
        whole = CogVideoXFolder.open(folder).load(part, torch.float32).state_dict()
        shard(folder, part)
        opened = CogVideoXFolder.open(folder)
        assert opened.stored_dtype(part) == torch.float16
        parts = opened.load(part, torch.float32).state_dict()
        assert parts.keys() == whole.keys()
        assert all(torch.equal(parts[name], whole[name]) for name in whole)

    @every_part
    @pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.float16, torch.bfloat16])
    def test_stored_dtype(self, part, dtype, folder):
        file = folder / part / WEIGHTS[part]
        save_file({name: weight.to(dtype) for name, weight in load_file(file).items()}, file, {"format": "pt"})
        assert CogVideoXFolder.open(folder).stored_dtype(part) == dtype

    def test_stored_dtype_of_mixed_weights_is_the_narrow_one(self, folder):
        file = folder / "vae" / WEIGHTS["vae"]
        weights = load_file(file)
        name = sorted(weights)[0]
        save_file(weights | {name: weights[name].float()}, file, {"format": "pt"})
        assert CogVideoXFolder.open(folder).stored_dtype("vae") == torch.float16

    def test_tokenizer(self, tiny_folder):
        tokenizer = CogVideoXFolder.open(tiny_folder("2b")).load_tokenizer()
        assert tokenizer("a tiger").input_ids[-1] == tokenizer.eos_token_id == 1

    @every_part
    def test_a_missing_weight(self, part, folder):
        file = folder / part / WEIGHTS[part]
        weights = load_file(file)
        lost = sorted(weights)[:3]
        save_file({name: weight for name, weight in weights.items() if name not in lost}, file, {"format": "pt"})
        with pytest.raises(ModelFolderError) as caught:
            CogVideoXFolder.open(folder).load(part, torch.float32)
        assert str(caught.value) == (
            f"model/{part}: expected weights that fit the part's config.json, got a file without {lost[0]} and 2 more. "
            "A file may be damaged or belong to another model: download the folder again."
        )

    @every_part
    def test_a_weight_of_another_shape(self, part, folder):
        file = folder / part / WEIGHTS[part]
        weights = load_file(file)
        name = sorted(weights)[0]
        save_file(weights | {name: torch.cat([weights[name]] * 2)}, file, {"format": "pt"})
        with pytest.raises(
            ModelFolderError,
            match=rf"^model/{part}: expected weights that fit the part's config\.json, got an error when loading them",
        ):
            CogVideoXFolder.open(folder).load(part, torch.float32)


def test_a_damaged_tokenizer_is_named(folder):
    (folder / "tokenizer" / "spiece.model").write_bytes(b"no sentencepiece model")
    with pytest.raises(ModelFolderError, match=r"^model/tokenizer: expected a T5 tokenizer, got files that cannot"):
        CogVideoXFolder.open(folder).load_tokenizer()


class TestScheduler:
    @pytest.mark.parametrize(
        ("name", "expected"),
        [
            ("auto", "CogVideoXDDIMScheduler"),
            ("DDIM", "CogVideoXDDIMScheduler"),
            ("DPM", "CogVideoXDPMScheduler"),
        ],
    )
    @pytest.mark.parametrize("kind", KINDS)
    def test_has_the_folders_noise_schedule(self, kind, name, expected, tiny_folder):
        scheduler = CogVideoXFolder.open(tiny_folder(kind)).make_scheduler(name)
        assert type(scheduler).__name__ == expected
        assert {key: scheduler.config[key] for key in SCHEDULERS[kind]} == SCHEDULERS[kind]
        assert scheduler.alphas_cumprod[-1] == 0  # zero signal at the last training step, rescaled as published

    def test_auto_is_the_one_that_the_folder_names(self, folder):
        change_json(folder / "scheduler" / "scheduler_config.json", _class_name="CogVideoXDPMScheduler")
        opened = CogVideoXFolder.open(folder)
        assert type(opened.make_scheduler()).__name__ == "CogVideoXDPMScheduler"
        assert type(opened.make_scheduler("DDIM")).__name__ == "CogVideoXDDIMScheduler"

    @pytest.mark.parametrize(
        "changes",
        [
            {"snr_shift_scale": 1.0},
            {"beta_end": 0.02},
            {"prediction_type": "epsilon"},
            {"clip_sample": True},
            {"timestep_spacing": "leading"},
        ],
    )
    @pytest.mark.parametrize("name", ["auto", "DPM"])
    def test_takes_every_setting_from_the_folder(self, name, changes, folder):
        change_json(folder / "scheduler" / "scheduler_config.json", **changes)
        config = CogVideoXFolder.open(folder).make_scheduler(name).config
        assert {key: config[key] for key in changes} == changes

    def test_the_demo_starts_at_pure_noise(self):
        # Zero terminal SNR needs steps that trail: others would never see the last training step.
        scheduler = CogVideoXFolder.open(DEMO_MODEL).make_scheduler()
        scheduler.set_timesteps(5)
        assert scheduler.timesteps.tolist() == [999, 799, 599, 399, 199]

    def test_is_fresh_each_time(self, tiny_folder):
        opened = CogVideoXFolder.open(tiny_folder("2b"))
        assert opened.make_scheduler() is not opened.make_scheduler()

    def test_unknown_name(self, tiny_folder):
        with pytest.raises(SamplingError) as caught:
            CogVideoXFolder.open(tiny_folder("2b")).make_scheduler("Euler")
        assert str(caught.value) == (
            "scheduler: expected auto or one of DDIM, DPM, got Euler. "
            "Choose DDIM or DPM: this folder's own is not one of CogVideoX's."
        )

    def test_the_folder_names_another(self, folder):
        change_json(folder / "scheduler" / "scheduler_config.json", _class_name="EulerDiscreteScheduler")
        opened = CogVideoXFolder.open(folder)
        with pytest.raises(SamplingError, match=r"^scheduler: expected auto .*, got EulerDiscreteScheduler"):
            opened.make_scheduler()
        assert type(opened.make_scheduler("DPM")).__name__ == "CogVideoXDPMScheduler"


PUBLISHED = "Download the whole repository of a text-to-video CogVideoX, such as CogVideoX-2b, in safetensors."


def refused(folder: Path) -> str:
    with pytest.raises(ModelFolderError) as caught:
        CogVideoXFolder.open(folder)
    return str(caught.value)


class TestBadFolder:
    def test_no_folder(self, tmp_path):
        message = f"nothing/model_index.json: expected a file, got nothing that can be read. {PUBLISHED}"
        assert refused(tmp_path / "nothing") == message

    @pytest.mark.parametrize(
        ("file", "where"),
        [
            ("model_index.json", "model/model_index.json"),
            ("transformer/config.json", "transformer/config.json"),
            ("scheduler/scheduler_config.json", "scheduler/scheduler_config.json"),
        ],
    )
    @pytest.mark.parametrize(
        ("content", "got"),
        [
            (None, f"expected a file, got nothing that can be read. {PUBLISHED}"),
            (b'{"_class_name": "CogVi', "expected JSON, got something else. The file is damaged: download it again."),
            (b"\xff\xfe\x00\x01", "expected JSON, got something else. The file is damaged: download it again."),
            (b"", "expected JSON, got something else. The file is damaged: download it again."),
            (b"[1, 2]", f"expected a JSON object, got list. {PUBLISHED}"),
        ],
        ids=["missing", "cut", "binary", "empty", "no object"],
    )
    def test_json(self, file, where, content, got, folder):
        if content is None:
            (folder / file).unlink()
        else:
            (folder / file).write_bytes(content)
        assert refused(folder) == f"{where}: {got}"

    @pytest.mark.parametrize(
        "name", ["CogVideoXImageToVideoPipeline", "CogVideoXFunControlPipeline", "StableDiffusionPipeline", None]
    )
    def test_other_pipeline(self, name, folder):
        change_json(folder / "model_index.json", _class_name=name)
        assert refused(folder) == (
            f"model: expected a text-to-video CogVideoXPipeline in model_index.json, got {name}. "
            f"Image-to-video and other models are not supported here. {PUBLISHED}"
        )

    @every_part
    def test_missing_part(self, part, folder):
        shutil.rmtree(folder / part)
        assert refused(folder).startswith(f"{part}/config.json: expected a file, got nothing")

    @every_part
    @pytest.mark.parametrize(
        ("config", "got"),
        [
            ({"_class_name": "SomethingElse"}, "SomethingElse"),
            ({"architectures": ["T5ForConditionalGeneration"]}, "T5ForConditionalGeneration"),
            ({"architectures": []}, "None"),
            ({"architectures": None}, "None"),
            ({"architectures": math.inf}, "inf"),
            ({}, "None"),
        ],
    )
    def test_part_of_another_class(self, part, config, got, folder):
        (folder / part / "config.json").write_text(json.dumps(config))
        assert refused(folder) == f"model/{part}: expected {CLASSES[part]}, got {got}. {PUBLISHED}"

    @every_part
    def test_missing_weights(self, part, folder):
        (folder / part / WEIGHTS[part]).unlink()
        assert refused(folder) == f"model/{part}: expected weights in {WEIGHTS[part]}, got no weights. {PUBLISHED}"

    @every_part
    @pytest.mark.parametrize("kept", [0, 5, 8, 100, -1, -1000])
    def test_truncated_weights(self, part, kept, folder):
        file = folder / part / WEIGHTS[part]
        content = file.read_bytes()[:kept]
        file.write_bytes(content)
        assert refused(folder) == (
            f"{part}/{WEIGHTS[part]}: expected a complete safetensors file, got a damaged or truncated file of "
            f"{len(content):,} bytes. Delete it and download it again."
        )

    @every_part
    def test_truncated_shard(self, part, folder):
        shard(folder, part)
        second = next((folder / part).glob("*-00002-of-00002.safetensors"))
        second.write_bytes(second.read_bytes()[:-10])
        assert refused(folder).startswith(f"{part}/{second.name}: expected a complete safetensors file, got a damaged")

    @every_part
    def test_missing_shard(self, part, folder):
        index = shard(folder, part)
        second = next((folder / part).glob("*-00002-of-00002.safetensors"))
        second.unlink()
        assert refused(folder) == (
            f"model/{part}: expected the 2 weight files that {index.name} names, got a folder without {second.name}. "
            "The download is unfinished: fetch the missing files."
        )

    @pytest.mark.parametrize("weight_map", [{}, [], None, {"a": 5}, {"a": ["b"]}])
    def test_damaged_index(self, weight_map, folder):
        index = shard(folder, "vae")
        change_json(index, weight_map=weight_map)
        assert "weight files that diffusion_pytorch_model.safetensors.index.json names" in refused(folder)

    def test_an_index_may_not_leave_the_part(self, folder):
        index = shard(folder, "vae")
        outside = folder / "transformer" / WEIGHTS["transformer"]
        assert outside.is_file()
        change_json(index, weight_map={"a": f"../transformer/{outside.name}"})
        assert "got a folder without diffusion_pytorch_model.safetensors" in refused(folder)

    @every_part
    def test_quantised_weights(self, part, folder):
        file = folder / part / WEIGHTS[part]
        save_file({name: weight.to(torch.int8) for name, weight in load_file(file).items()}, file, {"format": "pt"})
        assert refused(folder) == (
            f"{part}/{WEIGHTS[part]}: expected weights in one of F64, F32, F16, BF16, got I8. "
            "Quantized weights are not supported in a diffusers folder."
        )

    def test_missing_tokenizer(self, folder):
        (folder / "tokenizer" / "spiece.model").unlink()
        assert refused(folder) == (
            f"model/tokenizer: expected spiece.model or tokenizer.json, got neither. {PUBLISHED}"
        )

    @pytest.mark.parametrize("count", [10**9, -1, 0.5, True, "100"])
    def test_a_tokenizer_that_would_take_all_memory(self, count, folder):
        file = folder / "tokenizer" / "tokenizer_config.json"
        file.write_text(json.dumps({**json.loads(file.read_text()), "extra_ids": count}))
        assert refused(folder) == (
            "model/tokenizer: expected a whole number from 0 to 10000 for extra_ids in tokenizer_config.json, "
            f"got {count!r}. The file is damaged or belongs to another model: download it again."
        )


class Trap:
    """Object that creates a file when it is unpickled."""

    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self):
        return Path.touch, (self.marker,)


class TestPickles:
    @pytest.fixture
    def marker(self, tmp_path) -> Path:
        return tmp_path / "unpickled"

    @every_part
    @pytest.mark.parametrize("suffix", [".bin", ".pt", ".pth", ".ckpt"])
    def test_are_refused_and_never_opened(self, part, suffix, folder, marker):
        single = folder / part / WEIGHTS[part]
        single.unlink()
        pickled = single.with_suffix(suffix)
        pickled.write_bytes(pickle.dumps(Trap(marker)))
        assert refused(folder) == (
            f"model/{part}: expected weights in {single.name}, got pickled weights ({pickled.name}), which can run "
            "code when opened. Download the safetensors version of the model."
        )
        assert not marker.exists()

    @every_part
    def test_are_not_opened_under_another_name(self, part, folder, marker):
        (folder / part / WEIGHTS[part]).write_bytes(pickle.dumps(Trap(marker)))
        assert "expected a complete safetensors file" in refused(folder)
        assert not marker.exists()

    @every_part
    def test_are_not_loaded_beside_safetensors(self, part, folder, marker):
        stem = {"text_encoder": "pytorch_model"}.get(part, "diffusion_pytorch_model")
        (folder / part / f"{stem}.bin").write_bytes(pickle.dumps(Trap(marker)))
        CogVideoXFolder.open(folder).load(part, torch.float32)
        assert not marker.exists()

    def test_the_trap_works(self, marker):
        pickle.loads(pickle.dumps(Trap(marker)))
        assert marker.exists()


class TestMayBeCogVideoX:
    @pytest.mark.parametrize(
        ("name", "expected"),
        [
            ("CogVideoXPipeline", True),
            ("CogVideoXImageToVideoPipeline", True),
            ("StableDiffusionPipeline", False),
            (None, False),
        ],
    )
    def test_by_the_pipelines_name(self, name, expected, folder):
        change_json(folder / "model_index.json", _class_name=name)
        assert may_be_cogvideox(folder) is expected

    def test_one_that_cannot_be_read_is_offered_so_that_opening_says_why(self, folder):
        (folder / "model_index.json").write_text("{")
        assert may_be_cogvideox(folder)
