"""Bad input to the nodes: examples that were found by `python3 dev.py hostile`, and a few hundred new ones."""

import json
import math
import os
import threading

import pytest
import torch
from environment.checkout import link_folder
from node_runs import results
from safetensors.torch import save_file

SEED, COUNT = 1, 150


def not_on_windows(reason):
    return pytest.mark.skipif(os.name == "nt", reason=reason)


@pytest.fixture(scope="module")
def world(pack, nodes_by_id, tmp_path_factory):
    """What the examples share: tiny models, prompts and folders."""
    import folder_paths
    from reliability.hostile.world import FOLDERS, World

    before = {kind: list(folder_paths.folder_names_and_paths[kind][0]) for kind in FOLDERS.values()}
    output = folder_paths.get_output_directory()
    folder_paths.set_output_directory(str(tmp_path_factory.mktemp("output")))
    yield World(tmp_path_factory.mktemp("hostile"), pack, nodes_by_id)
    folder_paths.set_output_directory(output)
    for kind, places in before.items():
        folder_paths.folder_names_and_paths[kind][0][:] = places


def findings(world, strategy, run, count):
    from reliability.hostile.examples import examples
    from reliability.hostile.outcomes import FINDING

    ends = [(number, run(world, example), example) for number, example in examples(strategy, SEED, count)]
    return [end for end in ends if end[1].kind == FINDING]


@pytest.mark.filterwarnings("ignore")  # of the libraries that read damaged files
class TestExamples:
    def test_of_inputs(self, world):
        from reliability.hostile.cases import node_cases
        from reliability.hostile.in_process import run_case

        assert findings(world, node_cases(), run_case, COUNT) == []
        assert world.plain_run_is_right()

    def test_of_files(self, world):
        from reliability.hostile.files import file_cases, run_file_case

        assert findings(world, file_cases(), run_file_case, COUNT // 3) == []
        assert world.plain_run_is_right()

    def test_can_be_repeated_alone(self):
        from reliability.hostile.cases import node_cases
        from reliability.hostile.examples import examples

        every = dict(examples(node_cases(), SEED, 60))
        assert repr(dict(examples(node_cases(), SEED, 60, only=37))) == repr({37: every[37]})


def refused(world, node, **inputs):
    """Return the message of a node that refuses its inputs."""
    from reliability.hostile.cases import GOOD
    from reliability.hostile.in_process import build

    with pytest.raises(world.error) as caught:
        world.run(node, **build(GOOD[node], world) | inputs)
    return str(caught.value)


#: What reached the nodes over a link: node, input, value, and how the message begins.
OVER_A_LINK = [
    ("RichSpaceBalance", "latent", {"samples": "x"}, "latent: expected a latent"),
    ("RichSpaceBalance", "latent", object(), "latent: expected a latent"),
    (
        "RichSpaceBalance",
        "latent",
        {"samples": torch.zeros(1, 16, 3, 2, 2), "downscale_ratio_temporal": math.inf},
        "latent: expected a latent whose downscale_ratio_temporal is a number from 1 to",
    ),
    ("RichSpaceBalance", "draft_steps", {}, "draft_steps: expected a whole number"),
    ("RichSpaceBalance", "looks", 1.5, "looks: expected a whole number"),
    ("RichSpaceBalance", "cfg", math.nan, "cfg: expected a finite number"),
    ("RichSpaceBalance", "cfg", 10**400, "cfg: expected a finite number"),
    ("RichSpaceBalance", "negative", [[torch.ones(3), {}]], "negative: expected embeddings of shape"),
    ("RichSpaceBalance", "negative", [[None, {}]], "negative: expected embeddings of shape"),
    ("RichSpaceBalance", "negative", [], "negative: expected a conditioning"),
    ("RichSpaceBalance", "model", None, "model: expected a model of ComfyUI"),
    ("RichSpaceBalance", "seed", -1, "seed: expected a number from 0 to"),
    ("RichSpaceCogVideoXBalance", "width", "7", "width: expected a whole number"),
    ("RichSpaceCogVideoXSample", "batch_size", 10**9, "batch_size: expected a number from 1 to 64"),
    ("RichSpaceCogVideoXSample", "model", "tiny", "model: expected a CogVideoX"),
    ("RichSpaceCogVideoXSampler", "scheduler", [], "scheduler: expected one of auto, DDIM, DPM"),
    ("RichSpaceCogVideoXDecode", "tiled", "no", "tiled: expected true or false"),
    ("RichSpaceEmptyCogVideoXLatent", "model", 7, "model: expected a model of ComfyUI"),
    ("RichSpaceFixCogVideoX", "vae", [1], "vae: expected a VAE"),
    ("RichSpaceMorph", "prompts", [], "further prompts: expected a growing list"),
    ("RichSpaceMorph", "model", {}, "model: expected a model of ComfyUI or a CogVideoX"),
    ("RichSpaceMorph", "curve", None, "curve: expected a text"),
    ("RichSpaceScorePlot", "scores", [], "scores: expected scores"),
    ("RichSpaceContactSheet", "frames", [torch.zeros(0, 8, 8, 3)], "frames: expected pictures"),
    ("RichSpaceContactSheet", "columns", [], "columns: expected a list with at least one value"),
    ("RichSpaceCompare", "videos", {"video_1": None}, "videos: expected at least one video"),
    (
        "RichSpaceSaveEmbedding",
        "conditioning",
        [[torch.full((1, 2, 3), torch.nan), {}]],
        "conditioning: expected finite values",
    ),
    (
        "RichSpaceSaveEmbedding",
        "conditioning",
        [[torch.ones(1, 16, 32), {"attention_mask": torch.ones(1, 4, 4)}]],
        "conditioning, attention_mask: expected one entry for each of 16 tokens",
    ),
    (
        "RichSpaceSaveEmbedding",
        "conditioning",
        [[torch.full((1, 2, 3), torch.nan).to(torch.float8_e4m3fn), {}]],
        "conditioning: expected finite values",
    ),
    ("RichSpaceInterpolate", "steps", 0, "steps: expected"),
    ("RichSpaceCogVideoXSampler", "steps", 0, "steps: expected an integer >= 1"),
    ("RichSpaceT5Encode", "text", "half \ud83d", "text: expected a text of whole characters"),
    ("RichSpaceInterpolate", "a", [[torch.ones(1, 2, 3).to_sparse(), {}]], "A: expected an embedding"),
    ("RichSpaceInterpolate", "a", [[torch.ones(1, 2, 3, device="meta"), {}]], "A: expected an embedding"),
    (
        "RichSpaceInterpolate",
        "b",
        [[torch.ones(1, 2, 3), {"start_percent": torch.ones(0)}]],
        "B: expected a conditioning whose start_percent is a number",
    ),
    (
        "RichSpaceBalance",
        "a",
        [[torch.ones(1, 40, 32), {"area": ("percentage", 0.5, 0.5, 0, 0)}]],
        "draft of A: expected prompts and a latent that the model can read",
    ),
    *(
        (
            "RichSpaceInterpolate",
            "a",
            [[torch.ones(1, 2, 3), {"richspace": note}]],
            "A: expected a conditioning whose note",
        )
        for note in ([[]], 7, {"token_count": math.inf, "text": ""}, {"token_count": 1, "text": None}, {"text": ""})
    ),
]


@pytest.mark.parametrize(
    ("node", "name", "value", "begin"), OVER_A_LINK, ids=lambda value: value if isinstance(value, str) else ""
)
def test_a_value_over_a_link(world, node, name, value, begin):
    assert refused(world, node, **{name: value}).startswith(begin)


@pytest.mark.parametrize("kept", ["[]", {}, {"note": 7}])
def test_something_else_under_the_key_of_a_morph(world, kept):
    (values, extras), *_ = world.prompts[0]
    settings = {"width": 16, "height": 16, "frames": 9, "steps": 1, "cfg": 1.0, "seed": 0, "batch_size": 1}
    settings |= {"scheduler": "auto", "dynamic_cfg": "off"}
    world.run(
        "RichSpaceCogVideoXSample",
        model=world.models["2b"],
        positive=[[values, {**extras, "richspace_morph": kept}]],
        **settings,
    )


class TestNamesOfSavedFiles:
    @pytest.mark.parametrize(
        "name",
        ["../x", "a/../../x", "/etc/x", "x\0y", "x\ny", "x\x1b[2J", "\u202etxt.x", "a" * 300, "a/" * 3000 + "a"],
    )
    def test_stay_in_their_folder(self, world, name):
        message = refused(world, "RichSpaceSaveEmbedding", filename_prefix=name)
        assert message.startswith("filename_prefix: expected the name of a file below output/richspace_embeddings")
        assert len(message) < 800

    def test_follow_no_link_out_of_it(self, world, tmp_path):
        folder = world.output / "richspace_embeddings"
        folder.mkdir(parents=True, exist_ok=True)
        link_folder(folder / "way out", tmp_path)
        try:
            assert "leads out" in refused(world, "RichSpaceSaveEmbedding", filename_prefix="way out/x")
        finally:
            (folder / "way out").unlink()
        assert not any(tmp_path.iterdir())

    @pytest.mark.parametrize("name", ["CON", "%2e%2e%2fx", "C:x", "日本語/x", "..x", "~"])
    def test_may_be_strange(self, world, name):
        results(world.nodes["RichSpaceSaveEmbedding"], conditioning=world.prompts[0], filename_prefix=name, scores=None)


class TestSettingsOfALora:
    @pytest.mark.parametrize("pattern", ["(([a-z_]+)+)+!", "(.*)*x", "(a|aa)+$", ".*.*.*.*x"])
    def test_whose_patterns_take_forever(self, world, pattern):
        file = world.folders["lora"] / "slow.safetensors"
        noted = {"transformer.r": 2, "transformer.rank_pattern": {pattern: 4}}
        weights = {"transformer.transformer_blocks.0.attn1.to_q.lora_A.weight": torch.ones(2, 12)}
        save_file(weights, file, metadata={"lora_adapter_metadata": json.dumps(noted)})
        with pytest.raises(world.error, match=r"^lora: expected .*that cannot be read"):
            world.run("RichSpaceLoadCogVideoXLora", model=world.models["native 2b"], lora=file.name, strength=1.0)


class TestFilesThatComeAndGo:
    @pytest.mark.parametrize(
        "kind",
        [
            pytest.param("link to itself", marks=not_on_windows("links need special rights")),
            pytest.param("pipe", marks=not_on_windows("needs named pipes")),
            "folder",
        ],
    )
    def test_that_are_no_files(self, world, kind):
        file = world.folders["file"] / "odd.safetensors"
        if kind == "link to itself":
            file.symlink_to(file)
        elif kind == "pipe":
            os.mkfifo(file)
        else:
            file.mkdir()
        try:
            world.nodes["RichSpaceLoadEmbedding"].fingerprint_inputs(file.name)
            with pytest.raises(world.error, match=r"^(file|odd\.safetensors): expected"):
                world.run("RichSpaceLoadEmbedding", file=file.name)
        finally:
            file.rmdir() if kind == "folder" else file.unlink()

    def test_while_a_folder_is_listed(self, world, models):
        folder, over = world.folders["model"] / "changing", threading.Event()
        folder.mkdir()

        def change():
            while not over.is_set():
                (folder / "x").touch()
                (folder / "x").unlink()

        thread = threading.Thread(target=change)
        thread.start()
        try:
            for _ in range(200):
                models.file_times(folder)
        finally:
            over.set()
            thread.join()


def test_a_prompt_does_not_paint_the_log(world, caplog):
    text = "a red circle " * 40 + "\x1b[31m red \u202e"
    results(world.nodes["RichSpaceT5Encode"], encoder=world.models["T5 2b"], text=text)
    assert "Lost: " in caplog.text
    assert "\x1b" not in caplog.text
    assert "\u202e" not in caplog.text


def test_a_text_encoder_of_the_host_that_gives_nan(world):
    from safetensors.torch import load_file
    from small_models.tiny_models import save_tiny_folder

    folder = save_tiny_folder(world.folders["model"] / "nan")
    file = folder / "text_encoder" / "model.safetensors"
    save_file({name: weight * torch.nan for name, weight in load_file(file).items()}, file, metadata={"format": "pt"})
    _, clip, _ = world.results("RichSpaceLoadCogVideoXNative", model="nan", dtype="float32")
    with pytest.raises(world.error, match=r"^text encoder output: expected finite values"):
        world.run("RichSpaceT5Encode", encoder=clip, text="a red circle")


def test_a_vae_that_gives_nan(world):
    from safetensors.torch import load_file
    from small_models.tiny_models import save_tiny_folder

    folder = save_tiny_folder(world.folders["model"] / "nan vae")
    file = folder / "vae" / "diffusion_pytorch_model.safetensors"
    save_file({name: weight * torch.nan for name, weight in load_file(file).items()}, file, metadata={"format": "pt"})
    with pytest.raises(world.error, match=r"^model: expected a VAE that encodes a picture to finite numbers"):
        world.run("RichSpaceLoadCogVideoXNative", model="nan vae", dtype="float32")
