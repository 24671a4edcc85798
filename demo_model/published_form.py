"""Noise schedule, tokenizer and folder layout of the published CogVideoX, for models that a script builds."""

from __future__ import annotations

import io
import json
from typing import TYPE_CHECKING, Any

import sentencepiece
from sentencepiece import sentencepiece_model_pb2

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from diffusers import CogVideoXPipeline

#: The settings of CogVideoX-2B, as arguments of `CogVideoXDDIMScheduler`.
SCHEDULER: dict[str, Any] = {
    "num_train_timesteps": 1000,
    "beta_start": 0.00085,
    "beta_end": 0.012,
    "beta_schedule": "scaled_linear",
    "clip_sample": False,
    "set_alpha_to_one": True,
    "steps_offset": 0,
    "prediction_type": "v_prediction",
    "rescale_betas_zero_snr": True,
    "snr_shift_scale": 3.0,
    "timestep_spacing": "trailing",
}

WORD_START = "\u2581"  # SentencePiece's mark; a separate piece before a punctuation mark that stands alone


def write_tokenizer(folder: Path, pieces: bytes, text_length: int, **more: Any) -> None:
    """Write a tokenizer folder: `spiece.model` and two configuration files, without a `tokenizer.json`.

    Args:
        folder: The folder to write.
        pieces: A serialized SentencePiece model.
        text_length: Maximum number of tokens in a prompt.
        more: Additional entries of the tokenizer's configuration.
    """
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "spiece.model").write_bytes(pieces)
    special = {"eos_token": "</s>", "pad_token": "<pad>", "unk_token": "<unk>"}
    write_json(folder / "special_tokens_map.json", special)
    settings = {
        "tokenizer_class": "T5Tokenizer",
        **special,
        "extra_ids": 0,
        "legacy": True,
        "model_max_length": text_length,
        **more,
    }
    write_json(folder / "tokenizer_config.json", settings)


def train_sentencepiece(sentences: Sequence[str], size: int, **options: Any) -> bytes:
    """Train a SentencePiece model with T5's special ids: padding 0, end of sequence 1, unknown 2.

    Args:
        sentences: The training text.
        size: Number of pieces, including the three special ones.
        options: Additional settings of SentencePiece's trainer.

    Returns:
        The bytes of a `spiece.model`. The same arguments always give the same bytes.
    """
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(sentences),
        model_writer=model,
        model_type="unigram",
        vocab_size=size,
        pad_id=0,
        eos_id=1,
        unk_id=2,
        bos_id=-1,
        num_threads=1,  # with more threads the order of sums varies, and so may the pieces
        minloglevel=2,
        **options,
    )
    return model.getvalue()


def make_closed_sentencepiece(words: Sequence[str]) -> bytes:
    """Build a SentencePiece model that knows exactly these words, in any case, and punctuation marks.

    A tokenizer that uses it should say so in its configuration: `closed_vocabulary=True`.
    """
    trained = train_sentencepiece(
        words,
        1000,  # more pieces than so few words can give; the learned pieces are not used
        hard_vocab_limit=False,
        normalization_rule_name="nmt_nfkc_cf",  # folds case: "Red" is "red"
    )
    model = sentencepiece_model_pb2.ModelProto.FromString(trained)
    del model.pieces[3:]  # the learned parts of words, with which no word would be unknown
    model.pieces.add(piece=WORD_START, score=-10.0)
    for word in words:
        model.pieces.add(piece=WORD_START + word if word.isalpha() else word, score=-1.0)
    model.trainer_spec.vocab_size = len(model.pieces)
    return bytes(model.SerializeToString(deterministic=True))


def save_pipeline(pipeline: CogVideoXPipeline, folder: Path) -> None:
    """Save everything except the tokenizer as a diffusers folder, in float16.

    The pipeline's own `save_pretrained` would also write a `tokenizer.json`, which no published CogVideoX has.

    Args:
        pipeline: The pipeline. Its weights are rounded to float16 in place.
        folder: The folder to write. It already contains `tokenizer/`.
    """
    for name in ("text_encoder", "transformer", "vae"):
        getattr(pipeline, name).half().save_pretrained(folder / name, safe_serialization=True)
    # Without an explicit dtype, transformers 5 uses the one in the config, and diffusers uses float32 for the other
    # parts. All parts must have the same.
    config = folder / "text_encoder" / "config.json"
    write_json(config, json.loads(config.read_text()) | {"dtype": "float32"})
    pipeline.scheduler.save_pretrained(folder / "scheduler")
    pipeline.save_config(folder)


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    """Write `content` as indented JSON with a final newline, with the same bytes on every system."""
    path.write_bytes((json.dumps(content, indent=2) + "\n").encode())
