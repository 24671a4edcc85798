"""Where published models are downloaded from, and the sizes that are said of them."""

import json
import os
import shlex
import shutil
import subprocess
import sysconfig

import pytest
import torch
from diffusers import AutoencoderKLCogVideoX, CogVideoXTransformer3DModel
from transformers import T5Config, T5EncoderModel

from richspace_core.cogvideox import downloads
from richspace_core.cogvideox.published import PUBLISHED

# Folders that diffusers saves, whose text encoder two models have in float16 and one in float32.
TEXT_BYTES = {"CogVideoX-2b": 2, "CogVideoX-5b": 2, "CogVideoX1.5-5B": 4}
T5_XXL = {"vocab_size": 32128, "d_model": 4096, "d_kv": 64, "d_ff": 10240, "num_layers": 24, "num_heads": 64}


def gigabytes(network, bytes_each):
    return sum(weight.numel() for weight in network.parameters()) * bytes_each / 1e9


@pytest.fixture(scope="module")
def text_encoder():
    with torch.device("meta"):
        return T5EncoderModel(T5Config(**T5_XXL, feed_forward_proj="gated-gelu"))


@pytest.fixture(scope="module")
def vae():
    places = {
        "down_block_types": ["CogVideoXDownBlock3D"] * 4,
        "up_block_types": ["CogVideoXUpBlock3D"] * 4,
        "block_out_channels": [128, 256, 256, 512],
    }
    with torch.device("meta"):
        return AutoencoderKLCogVideoX(**places, latent_channels=16, layers_per_block=3)


@pytest.mark.parametrize("model", downloads.FOLDERS, ids=lambda model: model.name)
def test_the_sizes_are_those_of_diffusers_own_networks(model, text_encoder, vae):
    (config,) = (each for each in PUBLISHED if each.name.lower() == model.name.lower())
    shape = config.transformer
    with torch.device("meta"):
        transformer = CogVideoXTransformer3DModel(
            num_attention_heads=shape.num_attention_heads,
            num_layers=shape.num_layers,
            patch_size_t=shape.patch_size_t,
            patch_bias=shape.patch_bias,
            use_rotary_positional_embeddings=shape.use_rotary_positional_embeddings,
        )
    bytes_each = torch.finfo(getattr(torch, model.dtype)).bits // 8
    computed = {
        "transformer": gigabytes(transformer, bytes_each),
        "text_encoder": gigabytes(text_encoder, TEXT_BYTES[model.name]),
        "vae": gigabytes(vae, 4),
    }
    assert model.gigabytes == pytest.approx(computed, abs=0.01)


def test_the_sizes_are_rounded_in_words():
    assert [model.size for model in downloads.FOLDERS] == ["about 14 GB", "about 22 GB", "about 31 GB"]
    assert [file.size for file in downloads.FILES] == ["about 11 GB", "about 430 MB", "about 10 GB"]


def test_the_two_published_model_lists_agree():
    assert [model.name.lower() for model in downloads.FOLDERS] == [config.name.lower() for config in PUBLISHED]


def test_the_workflow_for_single_files_links_to_them(root):
    content = json.loads((root / "workflows" / "Mix in CogVideoX 1.5.json").read_text(encoding="utf-8"))
    links = [link for node in content["nodes"] for link in node["properties"].get("models", [])]
    assert {(link["name"], link["url"].removesuffix("?download=true"), link["directory"]) for link in links} == {
        (file.name, file.url, file.directory) for file in downloads.FILES
    }


def test_the_workflows_for_a_folder_say_what_to_download(root):
    models = {model.name: model for model in downloads.FOLDERS}
    told = []
    for file in sorted((root / "workflows").glob("*.json")):
        nodes = json.loads(file.read_text(encoding="utf-8"))["nodes"]
        (note,) = (node["widgets_values"][0] for node in nodes if node["title"] == "Read me")
        for model in {value for node in nodes for value in node.get("widgets_values") or [] if value in models}:
            assert f"{models[model].size}." in note, file.name
            assert f"**{models[model].download_command(f'models/diffusers/{model}')}**" in note, file.name
            assert f"{downloads.FOLDER_CONTENTS}." in note, file.name
            told.append(file.stem)
    assert len(told) >= 5


def test_the_readme_has_the_size_and_the_command_of_each(root):
    readme = (root / "README.md").read_text(encoding="utf-8")
    for model in downloads.FOLDERS:
        command = model.download_command(f"models/diffusers/{model.name}")
        assert f"| {model.name} | {model.size} | `{command}` |" in readme


@pytest.mark.skipif(os.name == "nt", reason="The shells of Windows quote differently.")
def test_a_folder_with_a_space_stays_one_word():
    command = downloads.FOLDERS[0].download_command("/my models/CogVideoX-2b", program="/opt/hf")
    assert command == "/opt/hf download zai-org/CogVideoX-2b --local-dir '/my models/CogVideoX-2b'"


@pytest.mark.skipif(os.name == "nt", reason="The shells of Windows quote differently.")
def test_the_hub_s_own_command_understands_it(tmp_path):
    """It finds nothing to complain of in the command, and stops at the connection, which it is told not to make."""
    hf = shutil.which("hf", path=sysconfig.get_path("scripts"))
    words = shlex.split(downloads.FILES[1].download_command(tmp_path / "vae", program=hf))
    offline = os.environ | {"HF_HUB_OFFLINE": "1"}
    ended = subprocess.run(words, env=offline, capture_output=True, text=True, check=False)
    assert "Usage" not in ended.stderr
    assert ended.returncode == 1
    assert downloads.FILES[1].url in " ".join(ended.stderr.split())
