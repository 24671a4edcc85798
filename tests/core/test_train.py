"""The training of the demo model: a few steps, interrupted and resumed, and the folder that it writes."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from small_models.demo_scripts import FOLDER, import_demo_script
from transformers import AutoTokenizer

from richspace_core.cogvideox.folder import CogVideoXFolder

train, world = import_demo_script("train"), import_demo_script("world")
configs, tokenization = import_demo_script("model_configs"), import_demo_script("tokenization")
Plan = import_demo_script("training_stage").Plan

SHORT = Plan(steps=4, batch=1, rate=1e-3, warm_up=2, fall=0.5, average=0.5)
SEED = 3


def vae_stage(folder, seed=SEED):
    return train.VaeStage(SHORT, folder / "vae.safetensors", seed)


def transformer_stage(folder):
    random, generator = np.random.default_rng(0), torch.Generator().manual_seed(0)
    scenes = [world.Scene.sample(random) for _ in range(4)]
    means = torch.randn(len(scenes), 3, 8, 16, 16, generator=generator)
    tokenizer = AutoTokenizer.from_pretrained(FOLDER / "tokenizer", local_files_only=True)
    file = folder / "denoiser.safetensors"
    return train.TransformerStage(SHORT, file, SEED, tokenizer, scenes, means, torch.full_like(means, 0.1))


@pytest.fixture(scope="module")
def straight(tmp_path_factory):
    """The weights of an uninterrupted run."""
    return vae_stage(tmp_path_factory.mktemp("straight")).run().state_dict()


def assert_equal(some, others):
    assert some.keys() == others.keys()
    for name, weight in some.items():
        assert torch.equal(weight, others[name]), name


def test_a_run_that_was_stopped_goes_on_where_it_was(straight, tmp_path):
    vae_stage(tmp_path).run(stop=3)  # while training on clips, after the single frames
    assert_equal(vae_stage(tmp_path).run().state_dict(), straight)


def test_two_optimizers_go_on_where_they_were_too(tmp_path):
    for name in ("straight", "stopped"):
        (tmp_path / name).mkdir()
    transformer_stage(tmp_path / "stopped").run(stop=2)
    stopped = transformer_stage(tmp_path / "stopped").run()
    assert_equal(stopped.state_dict(), transformer_stage(tmp_path / "straight").run().state_dict())


def test_every_weight_has_one_optimizer(tmp_path):
    stage = transformer_stage(tmp_path)
    held = [id(weight) for each in stage.optimizers for group in each.param_groups for weight in group["params"]]
    assert sorted(held) == sorted(map(id, stage.module.parameters()))


def test_another_seed_gives_another_model(straight, tmp_path):
    other = vae_stage(tmp_path, seed=SEED + 1).run(stop=1).state_dict()
    assert not torch.equal(other["encoder.conv_in.conv.weight"], straight["encoder.conv_in.conv.weight"])


def test_the_rate_rises_stays_and_falls():
    plan = replace(SHORT, steps=100, warm_up=10, fall=0.3)
    rates = np.array([plan.rate_factor(step) for step in range(100)])
    assert (np.diff(rates[:10]) > 0).all()
    assert (rates[9:71] == 1).all()
    assert (np.diff(rates[70:]) < 0).all()
    assert 0 < rates[99] < 0.05


def test_the_loss_falls(tmp_path):
    plan = replace(SHORT, steps=12, batch=2)
    train.VaeStage(plan, tmp_path / "vae.safetensors", SEED).run()
    stage = train.VaeStage(plan, tmp_path / "vae.safetensors", SEED)
    untrained = stage.compute_loss(0).item()
    stage._resume()
    assert stage.compute_loss(0).item() < 0.9 * untrained


def test_the_whole_script_writes_a_folder_that_the_pack_takes(tmp_path):
    def run(out):
        stages = ("vae_plan", "refinement_plan", "transformer_plan")
        plans = {stage: replace(SHORT, steps=2, batch=2) for stage in stages}
        train.train(tmp_path / out, tmp_path / f"{out}-work", seed=SEED, clips=4, **plans)
        return CogVideoXFolder.open(tmp_path / out)

    folder, again = run("one"), run("two")
    assert (folder.video_size().width, folder.video_size().height, folder.video_size().frames) == (64, 64, 9)
    assert folder.text_length >= 64
    for file in folder.path.rglob("*.safetensors"):
        assert_equal(load_file(file), load_file(again.path / file.relative_to(folder.path)))
        assert all(torch.isfinite(weight).all() for weight in load_file(file).values())


def test_the_bundled_folder_has_this_script_s_configuration(tmp_path):
    folder = CogVideoXFolder.open(FOLDER)
    wanted = {"transformer": configs.TRANSFORMER, "vae": configs.VAE, "scheduler": train.published_form.SCHEDULER}
    for part, config in wanted.items():
        read = getattr(folder, part)
        known = {key: value for key, value in config.items() if hasattr(read, key)}
        assert {"num_layers", "latent_channels", "snr_shift_scale"} & known.keys()
        assert {key: getattr(read, key) for key in known} == known
    tokenization.write_tokenizer(tmp_path)
    for file in tmp_path.iterdir():
        assert file.read_bytes() == (FOLDER / "tokenizer" / file.name).read_bytes(), file.name


def test_the_tokenizer_knows_every_sentence_of_the_world(tmp_path):
    tokenization.write_tokenizer(tmp_path)
    tokenizer = AutoTokenizer.from_pretrained(tmp_path, local_files_only=True)
    random = np.random.default_rng(0)
    sentences = [world.describe(world.Scene.sample(random), random) for _ in range(500)]
    ids = tokenizer(sentences).input_ids
    assert {token for sentence in ids for token in sentence} == {*range(len(tokenizer))} - {0, 2, 3}  # </s> and words
    assert tokenizer.decode(ids[0], skip_special_tokens=True) == sentences[0]
    assert max(map(len, ids)) < configs.TEXT_LENGTH / 2  # most of a prompt is padding, as in CogVideoX


def test_no_sentence_names_two_of_a_kind():
    random = np.random.default_rng(1)
    kinds = world.HUES, world.SHAPES, {*world.PATTERNS, *world.PATTERNS.values()}
    for _ in range(2000):
        words = world.describe(world.Scene.sample(random), random).replace(",", "").replace(".", "").split()
        for kind in kinds:
            assert sum(word in kind for word in words) <= 1
