"""A small CogVideoX of the real classes with random weights, and a tokenizer that is trained on English.

The same seed gives the same weights on the same machine and library versions. The configurations follow the published
CogVideoX-2B; a comment gives the published value of each size that is smaller here. Sizes are chosen as in diffusers'
own tests: the smallest that keep every kind of layer, and no two equal by accident. `tiny_models` makes folders of
every kind.
"""

from __future__ import annotations

import hashlib
import itertools
import math
from typing import TYPE_CHECKING, Any, TypeVar

import torch
from diffusers import (
    AutoencoderKLCogVideoX,
    CogVideoXDDIMScheduler,
    CogVideoXPipeline,
    CogVideoXTransformer3DModel,
)
from transformers import T5Config, T5EncoderModel, T5Tokenizer

from small_models.demo_scripts import import_demo_script

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

published_form = import_demo_script("published_form")

Model = TypeVar("Model", bound=torch.nn.Module)

TEXT_LENGTH = 40  # CogVideoX-2B: 226. The longest prompt in the paper takes 36 with this vocabulary.
VOCABULARY_SIZE = 640  # T5: 32,000 pieces and 100 sentinels. With fewer pieces, a prompt has more tokens.

TEXT_ENCODER: dict[str, Any] = {
    "d_model": 32,  # 4096
    "d_kv": 8,  # 64
    "d_ff": 37,  # 10240
    "num_layers": 2,  # 24; only the first layer has the position bias
    "num_heads": 4,  # 64
    "relative_attention_num_buckets": 32,
    "relative_attention_max_distance": 128,
    "feed_forward_proj": "gated-gelu",
    "dropout_rate": 0.1,
    "layer_norm_epsilon": 1e-6,
    "pad_token_id": 0,
    "eos_token_id": 1,
}

TRANSFORMER: dict[str, Any] = {
    # 2 x 16 = 32 wide: three quarters of the width and one quarter must each divide by 4 for the sincos positions,
    # and the rotary positions use 4 of a head's 16 for time and 6 each for height and width, all even.
    "num_attention_heads": 2,  # 30
    "attention_head_dim": 16,  # 64
    "in_channels": 16,  # as published: ComfyUI's latent preview has factors for 16 channels
    "out_channels": 16,
    "flip_sin_to_cos": True,
    "freq_shift": 0,
    "time_embed_dim": 8,  # 512
    "text_embed_dim": TEXT_ENCODER["d_model"],
    "num_layers": 1,  # 30
    "dropout": 0.0,
    "attention_bias": True,
    "sample_width": 6,  # 90; 48 pixels, 3 patches
    "sample_height": 4,  # 60; 32 pixels, 2 patches
    "sample_frames": 9,  # 49; 3 latent frames: an odd number, as in the published models, so that 1.5 has to pad
    "patch_size": 2,
    "temporal_compression_ratio": 4,
    "max_text_seq_length": TEXT_LENGTH,
    "activation_fn": "gelu-approximate",
    "timestep_activation_fn": "silu",
    "norm_elementwise_affine": True,
    "norm_eps": 1e-5,
    "spatial_interpolation_scale": 1.875,
    "temporal_interpolation_scale": 1.0,
    "use_rotary_positional_embeddings": False,
}

VAE: dict[str, Any] = {
    "in_channels": 3,
    "out_channels": 3,
    "down_block_types": ("CogVideoXDownBlock3D",) * 4,
    "up_block_types": ("CogVideoXUpBlock3D",) * 4,
    "block_out_channels": (4, 4, 8, 8),  # (128, 256, 256, 512); four blocks halve the picture three times
    "latent_channels": 16,
    "layers_per_block": 1,  # 3
    "act_fn": "silu",
    "norm_eps": 1e-6,
    "norm_num_groups": 2,  # 32; must divide every width
    "temporal_compression_ratio": 4,
    # Only tiled decoding uses these. A tile is half as high and half as wide, and tiles fit together only if their
    # height is a multiple of 48 pixels and their width of 40. The pipeline's own 48 pixels are more than a tile.
    "sample_height": 96,  # 480
    "sample_width": 80,  # 720
    "scaling_factor": 1.15258426,
    "force_upcast": True,
    "use_quant_conv": False,
    "use_post_quant_conv": False,
}

# Random layers attend so evenly that a prompt would not change the video, and a random decoder produces only saturated
# colors. With these factors, found by trial, two prompts that differ in one word give visibly different videos.
GAINS = {
    "attn1.norm_q.weight": 2.0,
    "attn1.to_out.0.weight": 2.0,
    "decoder.conv_out.conv.weight": 0.4,
}

# The tokenizer is trained on every subject in every frame below, and on the paper's prompts.
SUBJECTS = """
tiger zebra giraffe horse cat rabbit dog deer frog bird butterfly starfish snail crab elephant lion otter lizard
kangaroo red-panda fish whale turtle bear wolf fox monkey mouse sheep cow duck owl bee spider dragon dinosaur
strawberry blueberry orange eggplant apple banana lemon grape cherry pear tomato sunflower orchid rose cactus tree
leaf mushroom airplane automobile ship truck car train boat bicycle robot balloon house castle mountain river man
woman child girl boy astronaut dancer circle square triangle star ball cube ring shape
"""
QUALITIES = """
red green blue yellow orange purple pink brown black white grey golden silver striped spotted furry smooth shiny
bright dark small large round tall fluffy colourful colorful soft warm cold young old beautiful transparent
"""
ACTIONS = [
    "moves gracefully through the forest, its fur flowing in the breeze",
    "runs across the field towards the camera",
    "jumps over a wooden fence and lands on the grass",
    "swims slowly under the clear water",
    "flies above the clouds in the evening light",
    "walks along the beach while the waves roll in",
    "turns around and looks to the left",
    "rotates slowly on a white table",
    "sits in the garden among the flowers",
    "crawls over a mossy rock in the rain",
    "moves from left to right",
    "moves from right to left, then up and down",
    "hops in the snow and plays with its friends",
    "grows in the desert under a bright sun",
    "falls into a glass bowl, close-up, slow motion",
    "drives down the street of a big city at night",
]
FRAMES = [
    "The {first}, {action}.",
    "A {quality} {first} {action}.",
    "The {first}, with {quality} and {other} patterns like {second}, {action}.",
    "A mixture of {first} and {second}; a {first} that looks like a {second}.",
    "An image of one {quality} {first} with the skin, texture and shape of the {second}.",
    "Is it half {first}, half {second}? The camera follows the {quality} {first} in the background.",
    'A high-quality video of {quality} {first}s, detailed, realistic, 4k: "cinematic" shot!',
]
PAPER_PROMPTS = [
    "The tiger, moves gracefully through the forest, its fur flowing in the breeze.",
    "The zebra, moves gracefully through the forest, its fur flowing in the breeze.",
    "The tiger, with black and white stripes like zebra, moves gracefully through the forest, "
    "its fur flowing in the breeze.",
]
# Everyday words, each once, from which the tokenizer learns parts of words rather than whole words.
EVERYDAY_WORDS = """
about above across act after again air all almost along also always among amount an and animal another answer any
apart appear are area arm around arrive as ask asleep at away baby back balance band bank bark base basket be beach
beat because become bed before began behind being believe below belong beside best better between beyond blanket blink
block bloom blow board body bone book both bottom bounce box branch brave bread break breathe bridge bring broken
brush bubble build burn burst busy butter button by call calm can candle cannot care carefully carry carve catch
center chain chair change chase cheerful chess chocolate circus clap clay clean climb clock close cloth cloudy coast
coffee collect color come common completely cook cool copper coral corner costume cotton could country couple cover
crack crowd crown crystal cup curious curl current curtain curve cut dance danger dark dawn day decide deep delicate
delicious did different dig dish distance dive do does dome done door double down dramatic draw dream dress drift
drink drop dry during dust each eager ear early earth east easily eat edge egg eight either elegant else empty end
engine enjoy enough enter entire even ever every everything exactly explore expression eye face fade fairy famous fan
far farmer fast father feather feel feet few field fight figure fill film find finger fire first five flag flame flash
flat flicker float floor flow fluid fly focus fold food foot for forest forever fork form forward found fountain four
frame free fresh friendly from front frozen fruit full funny future galaxy game garden gate gather gentle gently get
giant gift give glance gleam glide glitter glow go gold gone good graceful grain gravity great ground group guard
guitar hair hand handle hang happen happily happy hard harvest hat have he head hear heart heat heavy held helmet help
her here hidden high hill him his hold hole hollow honey hop hope horn hot hour how huge human hundred hunt hurry ice
icy if imagine in inside instead into iron island it jacket jar jewel join journey joy juice jump jungle just keep
kettle kick kind king kitchen kite knee knife knit knock know lake lamp land lantern large last later laugh lava layer
lazy lead leap learn leather leave leg lens less let letter lick lie lift lightning like line lip liquid listen little
live log long look loose loud love low lucky machine made magic magical majestic make many map marble march mark
market mask match material maybe me meadow mean measure meet melt metal middle midnight might mild milk million mine
mirror mist mix mixed moment money moon more morning most mother motion mouth move movement much mud muscle museum
music must my mystical name narrow nature near neck need neon nest net never new next nice no nobody noise none noon
north nose not note nothing now number object ocean of off offer often oil old on once only open opposite or other our
out outside oven over own page paint pair palace pale pan paper parade park part particle partly party pass past path
paw peaceful pearl people perfect perhaps person petal photo piano pick picture piece pile pillow place plain planet
plant plastic plate play playful please point pond pool portrait pot pour powder power press pretty prince princess
protect proud puddle pull pure push put puzzle quarter queen quick quickly quiet quietly quite race radio rainbow
raise reach read ready real realistic really reflect reflection rest return ribbon rice rich ride right ripple rise
road roar rocket roof room root rope rough row rub rubber run rush rust sad safe sail same sand save say scale scarf
scatter scene school science screen sea season seat second secret see seed seem sell send sense separate seven shade
shadow shake shall share sharp she shell shelf shelter shine shirt shoe shop shore short should shoulder shout show
shower shut side sign silent silk silver simple since sing single sister six size sketch skin skirt sky sleep slice
slide slightly slope small smell smile smoke smoothly so soap soil soldier some song soon sound soup south space spark
sparkle speak speed spin spiral splash split spoon spread spring square stage stairs stand start station stay steam
steel steep step stick still stone stop storm story straight strange stream stretch string stroll strong student
studio style such sudden suddenly sugar suit summer sunlight sunrise sunset suppose sure surface surprise surround
sway sweet swing switch sword tail take talk task taste teach team tear tell ten tender tent test than thank that
their them then there these they thick thin thing think third this those thousand thread three through throw thunder
ticket tie tiny tip tired to today together tomorrow tone too tool tooth top touch toward tower town toy track trade
trail translucent travel treasure trick trip tropical trousers true trunk try tube tumble tunnel turn twelve twice
twig twist two umbrella uncle under understand uniform universe until up upon use usual valley vanish various vase
vast velvet very view village vintage violet violin visit voice volcano wait wake wall wander want war warm warmly was
wash watch watercolor we weak wear weather weave week weight well were west wet what wheat wheel when where which
whisper whistle whole why wide wild will window wing winter wire wise with within without wonder wood wooden wool word
work world would wrap write wrong yard year yes yesterday yet you your zoom
"""
TURNS = 4  # sentences for each subject and frame, with different words in the gaps
PRINTABLE_ASCII = "".join(map(chr, range(33, 127)))


def training_sentences() -> Iterator[str]:
    """Yield the sentences that the tokenizer is trained on, always the same ones in the same order."""
    subjects, qualities = SUBJECTS.split(), QUALITIES.split()
    yield from PAPER_PROMPTS
    for turn, (index, first), frame in itertools.product(range(TURNS), enumerate(subjects), FRAMES):
        # The strides have no common divisor, so every list is used completely and pairs do not repeat.
        yield frame.format(
            first=first,
            second=subjects[(7 * index + 11 * turn + 11) % len(subjects)],
            quality=qualities[(index + 7 * turn) % len(qualities)],
            other=qualities[(5 * index + turn + 3) % len(qualities)],
            action=ACTIONS[(index + 3 * turn) % len(ACTIONS)],
        )
    yield from EVERYDAY_WORDS.split()


def train_sentencepiece() -> bytes:
    """Train a tokenizer of `VOCABULARY_SIZE` pieces and return the bytes of its `spiece.model`.

    T5 has no byte fallback, so every printable ASCII character has a piece of its own, and no English prompt contains
    unknown tokens.
    """
    pieces: bytes = published_form.train_sentencepiece(
        [*training_sentences()], VOCABULARY_SIZE, required_chars=PRINTABLE_ASCII, character_coverage=1.0
    )
    return pieces


def write_tokenizer(folder: Path) -> None:
    """Write a tokenizer folder like that of CogVideoX-2B."""
    more = {"additional_special_tokens": [], "sp_model_kwargs": {}, "clean_up_tokenization_spaces": True}
    published_form.write_tokenizer(folder, train_sentencepiece(), TEXT_LENGTH, **more)


def write_closed_tokenizer(folder: Path, words: Sequence[str]) -> None:
    """Write a tokenizer folder with a closed vocabulary: some words in any case, comma and full stop."""
    pieces = published_form.make_closed_sentencepiece([*words, ",", "."])
    published_form.write_tokenizer(folder, pieces, TEXT_LENGTH, closed_vocabulary=True)


def _with_random_weights(model: Model, name: str, seed: int) -> Model:
    """Replace every weight of `model` by random numbers that keep activations near unit size, and return it.

    Each tensor has its own generator, seeded from `seed`, the component's `name` and the tensor's name. The weights
    depend neither on the order in which a library version creates its layers nor on the global random state.
    """
    with torch.no_grad():
        for key, weight in model.named_parameters():
            digest = hashlib.sha256(f"{seed}/{name}/{key}".encode()).digest()
            generator = torch.Generator().manual_seed(int.from_bytes(digest[:8], "big", signed=True))
            noise = torch.randn(weight.shape, generator=generator)
            owner = model.get_submodule(key.rpartition(".")[0])
            gain = next((gain for ending, gain in GAINS.items() if key.endswith(ending)), 1.0)
            weight.copy_(gain * _scaled(noise, owner, is_bias=key.endswith("bias")))
    return model.eval()


def _scaled(noise: torch.Tensor, owner: torch.nn.Module, *, is_bias: bool) -> torch.Tensor:
    """Scale unit noise so that a layer keeps the variance of its input."""
    if is_bias:
        return noise * 0.1
    if noise.ndim == 1:  # the scale of a normalization
        return 1.0 + noise * 0.1
    if isinstance(owner, torch.nn.Embedding):
        return noise
    return noise / math.sqrt(noise[0].numel())


def build_text_encoder(config: Mapping[str, Any], *, vocabulary_size: int, seed: int) -> T5EncoderModel:
    """Build a T5 encoder with random weights from the arguments of `T5Config`."""
    return _with_random_weights(T5EncoderModel(T5Config(vocab_size=vocabulary_size, **config)), "text_encoder", seed)


def build_transformer(config: Mapping[str, Any], *, seed: int) -> CogVideoXTransformer3DModel:
    """Build a transformer with random weights from the arguments of `CogVideoXTransformer3DModel`."""
    return _with_random_weights(CogVideoXTransformer3DModel(**config), "transformer", seed)


def build_vae(config: Mapping[str, Any], *, seed: int) -> AutoencoderKLCogVideoX:
    """Build a VAE with random weights from the arguments of `AutoencoderKLCogVideoX`."""
    return _with_random_weights(AutoencoderKLCogVideoX(**config), "vae", seed)


def build_pipeline(
    tokenizer: T5Tokenizer,
    *,
    text_encoder: Mapping[str, Any],
    transformer: Mapping[str, Any],
    vae: Mapping[str, Any],
    scheduler: Mapping[str, Any],
    seed: int,
) -> CogVideoXPipeline:
    """Build a pipeline of the real classes with random float32 weights.

    Args:
        tokenizer: Loaded from a folder that `write_tokenizer` wrote.
        text_encoder: Arguments of `T5Config`, without the vocabulary's size.
        transformer: Arguments of `CogVideoXTransformer3DModel`.
        vae: Arguments of `AutoencoderKLCogVideoX`.
        scheduler: Arguments of `CogVideoXDDIMScheduler`.
        seed: Seed of all weights.

    Returns:
        The pipeline, in evaluation mode, on the CPU.
    """
    return CogVideoXPipeline(
        tokenizer=tokenizer,
        text_encoder=build_text_encoder(text_encoder, vocabulary_size=len(tokenizer), seed=seed),
        transformer=build_transformer(transformer, seed=seed),
        vae=build_vae(vae, seed=seed),
        scheduler=CogVideoXDDIMScheduler(**scheduler),
    )
