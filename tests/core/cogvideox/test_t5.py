"""Text encoding against `CogVideoXPipeline.encode_prompt`: ids, embeddings, lost words and errors."""

from __future__ import annotations

import copy
import io
import json

import pytest
import sentencepiece
import torch
from diffusers import CogVideoXPipeline
from small_models.random_models import PAPER_PROMPTS, train_sentencepiece, write_closed_tokenizer
from small_models.tiny_models import TEXT_LENGTH, tiny_text_encoder

from richspace_core import EmbeddingError, PromptError, find_optimal
from richspace_core.cogvideox.folder import CogVideoXFolder
from richspace_core.cogvideox.t5 import (
    EncodedPrompt,
    TokenizedPrompt,
    encode_prompts,
    fit_tokens,
    require_known_words,
)

TIGER, ZEBRA, MIX = PAPER_PROMPTS
# With this tokenizer "tiger" is one token, wherever it stands; the end of sequence is one more.
EXACT = " ".join(["tiger"] * (TEXT_LENGTH - 1))
ONE_OVER = EXACT + " zebra"
OVER_LONG = EXACT + " zebra runs, and a (very) striped giraffe follows"

FITTING = {
    "plain": TIGER,
    "parentheses": "(a (tiger:1.3)) [zebra] {x|y} \\(a\\)",
    "unicode": "naïve 雪 é — tigre",
    "spaces and lines": "  a  tiger\n\tand\na zebra  ",
    "empty": "",
    "only spaces": "   ",
    "special tokens": "a </s> tiger <pad> zebra <unk>",
    "exact length": EXACT,
}
CUT = {"one over": ONE_OVER, "over-long": OVER_LONG}


@pytest.fixture(scope="module")
def tokenizer(tiny_folder):
    return CogVideoXFolder.open(tiny_folder("2b")).load_tokenizer()


@pytest.fixture(scope="module")
def text_encoder():
    return tiny_text_encoder()


@pytest.fixture
def passes(text_encoder):
    """Collect every batch of ids that the text encoder reads during the test."""
    seen = []
    hook = text_encoder.register_forward_hook(lambda _module, args, _output: seen.append(args[0].clone()))
    yield seen
    hook.remove()


def pipeline_embeds(tokenizer, text_encoder, prompts):
    pipeline = CogVideoXPipeline(
        tokenizer=tokenizer, text_encoder=text_encoder, vae=None, transformer=None, scheduler=None
    )
    with torch.no_grad():
        embeds, _ = pipeline.encode_prompt(
            list(prompts), do_classifier_free_guidance=False, max_sequence_length=TEXT_LENGTH
        )
    return embeds


def encode(prompts, tokenizer, text_encoder):
    return encode_prompts(prompts, tokenizer, text_encoder, max_length=TEXT_LENGTH)


class TestEqualsDiffusers:
    @pytest.mark.parametrize("prompt", [*FITTING.values(), *CUT.values()], ids=[*FITTING, *CUT])
    def test_one_prompt(self, prompt, tokenizer, text_encoder, passes):
        (encoded,) = encode([prompt], tokenizer, text_encoder)
        expected = pipeline_embeds(tokenizer, text_encoder, [prompt])
        ours, theirs = passes
        assert torch.equal(ours, theirs)
        assert ours.shape == (1, TEXT_LENGTH)
        assert torch.equal(encoded.embedding.values, expected[0])
        assert ours[0].tolist() == list(encoded.tokens.ids)

    def test_many_in_one_forward_pass(self, tokenizer, text_encoder, passes):
        prompts = [*FITTING.values(), *CUT.values()]
        encoded = encode(prompts, tokenizer, text_encoder)
        assert [len(batch) for batch in passes] == [len(prompts)]
        expected = pipeline_embeds(tokenizer, text_encoder, prompts)
        assert torch.equal(passes[0], passes[1])
        assert torch.equal(torch.stack([each.embedding.values for each in encoded]), expected)
        assert [each.text for each in encoded] == prompts

    @pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
    def test_half_types(self, dtype, tokenizer, tiny_folder):
        text_encoder = CogVideoXFolder.open(tiny_folder("2b")).load("text_encoder", dtype)
        encoded = encode([TIGER, OVER_LONG], tokenizer, text_encoder)
        assert encoded[0].embedding.values.dtype == dtype
        expected = pipeline_embeds(tokenizer, text_encoder, [TIGER, OVER_LONG])
        assert torch.equal(torch.stack([each.embedding.values for each in encoded]), expected)

    def test_a_batch_equals_one_at_a_time(self, tokenizer, text_encoder):
        together = encode([TIGER, "", ZEBRA], tokenizer, text_encoder)
        for each in together:
            (alone,) = encode([each.text], tokenizer, text_encoder)
            assert alone.tokens == each.tokens
            # A matrix product of other sizes sums in another order.
            torch.testing.assert_close(alone.embedding.values, each.embedding.values, rtol=1e-5, atol=1e-5)


class TestResult:
    def test_token_count_holds_the_end_of_sequence(self, tokenizer, text_encoder):
        sentences = sentencepiece.SentencePieceProcessor(model_proto=train_sentencepiece())
        for each in encode([TIGER, "", "tiger", EXACT], tokenizer, text_encoder):
            count = len(sentences.encode(each.text)) + 1
            assert each.tokens.token_count == each.tokens.total_tokens == each.embedding.token_count == count
            assert each.tokens.ids[count - 1] == tokenizer.eos_token_id
            assert set(each.tokens.ids[count:]) <= {tokenizer.pad_token_id}
            assert each.tokens.lost_words == ""

    def test_is_ready_for_the_finder(self, tokenizer, text_encoder):
        a, b, guide = (each.embedding for each in encode([TIGER, ZEBRA, MIX], tokenizer, text_encoder))
        assert not any(embedding.values.requires_grad for embedding in (a, b, guide))
        found = find_optimal(a, b, guide)
        assert 1 <= found.index <= 30
        assert found.embedding.values.shape == (TEXT_LENGTH, 32)

    def test_types(self, tokenizer, text_encoder):
        (encoded,) = encode((TIGER,), tokenizer, text_encoder)
        assert isinstance(encoded, EncodedPrompt)
        assert isinstance(encoded.tokens, TokenizedPrompt)

    def test_says_nothing_of_prompts_that_fit(self, tokenizer, text_encoder):
        encoded = encode([*FITTING.values()], tokenizer, text_encoder)
        assert {(each.tokens.lost_words, each.tokens.cut_notice) for each in encoded} == {("", "")}


class TestCut:
    @pytest.mark.parametrize(
        ("prompt", "total", "lost"),
        [(ONE_OVER, 41, "zebra"), (OVER_LONG, None, "zebra runs, and a (very) striped giraffe follows")],
    )
    def test_names_the_lost_words(self, prompt, total, lost, tokenizer, text_encoder):
        (encoded,) = encode([prompt], tokenizer, text_encoder)  # without a warning: they are errors in tests
        total = total or len(tokenizer(prompt).input_ids)
        assert encoded.tokens.lost_words == lost
        assert (encoded.tokens.token_count, encoded.tokens.total_tokens) == (TEXT_LENGTH, total)
        assert encoded.tokens.ids[-1] == tokenizer.eos_token_id
        assert encoded.tokens.cut_notice == (
            f"The prompt has {total} tokens and the model reads {TEXT_LENGTH}. "
            f'These words were lost: "{lost}". Shorten the prompt.'
        )

    def test_each_prompt_has_its_own(self, tokenizer, text_encoder):
        encoded = encode([OVER_LONG, TIGER, ONE_OVER], tokenizer, text_encoder)
        assert ["giraffe" in each.tokens.cut_notice for each in encoded] == [True, False, False]
        assert [bool(each.tokens.cut_notice) for each in encoded] == [True, False, True]


class TestFitTokens:
    @pytest.mark.parametrize(
        ("ids", "expected"),
        [
            ([1], TokenizedPrompt((1, 0, 0, 0), 1, 1, "")),
            ([5, 6, 1], TokenizedPrompt((5, 6, 1, 0), 3, 3, "")),
            ([5, 6, 7, 1], TokenizedPrompt((5, 6, 7, 1), 4, 4, "")),
            ([5, 6, 7, 8, 1], TokenizedPrompt((5, 6, 7, 1), 4, 5, "8")),
            ([5, 6, 7, 8, 9, 1], TokenizedPrompt((5, 6, 7, 1), 4, 6, "8 9")),
        ],
    )
    def test_pads_or_cuts_to_four(self, ids, expected):
        before = list(ids)
        fitted = fit_tokens(ids, max_length=4, pad_token=0, decode=lambda lost: " ".join(map(str, lost)))
        assert fitted == expected
        assert ids == before


PIECES = 35
SENTENCES = ("the tiger moves through the forest", "a zebra runs in the breeze", "its fur flows (slowly) 1 2 3")


@pytest.fixture(scope="module")
def pieces():
    """Train a SentencePiece model with T5's special ids: padding 0, end of sequence 1, unknown 2."""
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(SENTENCES * 20),
        model_writer=model,
        vocab_size=PIECES,
        pad_id=0,
        eos_id=1,
        unk_id=2,
        bos_id=-1,
        num_threads=1,
        minloglevel=2,
    )
    return model.getvalue()


@pytest.fixture(scope="module")
def published_tokenizer(pieces, tmp_path_factory):
    """Load a tokenizer from a folder in the published form: `spiece.model`, 100 sentinels, no `tokenizer.json`."""
    path = tmp_path_factory.mktemp("published")
    folder = path / "tokenizer"
    folder.mkdir()
    (folder / "spiece.model").write_bytes(pieces)
    sentinels = [f"<extra_id_{index}>" for index in range(100)]
    special = {"additional_special_tokens": sentinels, "eos_token": "</s>", "pad_token": "<pad>", "unk_token": "<unk>"}
    settings = {**special, "clean_up_tokenization_spaces": True, "extra_ids": 100, "legacy": True}
    settings |= {"model_max_length": 226, "sp_model_kwargs": {}, "tokenizer_class": "T5Tokenizer"}
    added = {name: PIECES + 99 - index for index, name in enumerate(sentinels)}
    files = {"special_tokens_map": special, "tokenizer_config": settings, "added_tokens": added}
    for name, content in files.items():
        (folder / f"{name}.json").write_text(json.dumps(content))
    return CogVideoXFolder("folder", {}, {}, {}, path).load_tokenizer()


class TestPublishedTokenizer:
    @pytest.mark.parametrize("text", [*SENTENCES, "", "a (tiger) zebra 12", "an unseen quagga!"])
    def test_ids_are_those_of_sentencepiece(self, text, published_tokenizer, pieces):
        oracle = sentencepiece.SentencePieceProcessor(model_proto=pieces)
        assert published_tokenizer(text).input_ids == [*oracle.encode(text), 1]

    def test_special_ids_are_those_of_t5(self, published_tokenizer):
        tokenizer = published_tokenizer
        assert (tokenizer.pad_token_id, tokenizer.eos_token_id, tokenizer.unk_token_id) == (0, 1, 2)

    def test_prompts_are_padded_and_cut(self, published_tokenizer):
        prompts = ["the tiger", "the forest " * 20]
        short, long = encode_prompts(prompts, published_tokenizer, tiny_text_encoder(), max_length=12)
        assert "the model reads 12" in long.tokens.cut_notice
        count = len(published_tokenizer(prompts[0]).input_ids)
        assert short.tokens.ids[count - 1 :] == (1, *[0] * (12 - count))
        assert (long.tokens.token_count, long.tokens.ids[-1]) == (12, 1)


WORDS = ("a", "red", "blue", "circle", "moves", "right")
KNOWN_WORDS = {
    "plain": "a red circle moves right",
    "any case and signs": "A Red, BLUE circle moves right.",
    "spaces and lines": "  a  red\n\tcircle . ",
    "empty": "",
    "only spaces": "   ",
}
UNKNOWN_WORDS = {
    "a tiger moves": '"tiger"',
    "a Tiger, a zebra and a Tiger, moves": '"Tiger,", "zebra", "and"',  # as written, each once, in order
    "reds": '"reds"',  # a known word's beginning is not enough
    "a red-blue circle": '"red-blue"',
    "a circle!": '"circle!"',
    "un cercle 雪": '"un", "cercle", "雪"',
}


@pytest.fixture(scope="module")
def closed_tokenizer(tmp_path_factory):
    """Load a tokenizer with a closed vocabulary of a few words."""
    folder = tmp_path_factory.mktemp("closed")
    write_closed_tokenizer(folder / "tokenizer", WORDS)
    return CogVideoXFolder("folder", {}, {}, {}, folder).load_tokenizer()


class TestClosedVocabulary:
    def test_every_word_is_one_piece(self, closed_tokenizer):
        ids = closed_tokenizer("A Red circle, moves.").input_ids
        assert closed_tokenizer.convert_ids_to_tokens(ids) == ["▁a", "▁red", "▁circle", ",", "▁moves", ".", "</s>"]

    @pytest.mark.parametrize("prompt", KNOWN_WORDS.values(), ids=KNOWN_WORDS)
    def test_known_words_are_encoded_as_diffusers_does(self, prompt, closed_tokenizer, text_encoder):
        (encoded,) = encode([prompt], closed_tokenizer, text_encoder)
        assert closed_tokenizer.unk_token_id not in encoded.tokens.ids
        assert torch.equal(encoded.embedding.values, pipeline_embeds(closed_tokenizer, text_encoder, [prompt])[0])

    @pytest.mark.parametrize(("prompt", "named"), UNKNOWN_WORDS.items())
    def test_unknown_words_are_named(self, prompt, named, closed_tokenizer, text_encoder, passes):
        with pytest.raises(PromptError) as caught:
            encode(["a red circle", prompt], closed_tokenizer, text_encoder)
        assert str(caught.value) == (
            f"prompts[1]: expected only words that this model knows, got {named}. Its words are: a, blue, circle, "
            "moves, red, right. Use these, or choose a real CogVideoX in the loader."
        )
        assert passes == []

    def test_the_caller_s_name_of_the_text(self, closed_tokenizer):
        require_known_words("text", "a circle", closed_tokenizer)
        with pytest.raises(PromptError, match=r'^text: expected only words that this model knows, got "tiger"\.'):
            require_known_words("text", "a tiger", closed_tokenizer)

    @pytest.mark.parametrize("prompt", UNKNOWN_WORDS)
    def test_an_open_vocabulary_takes_any_word(self, prompt, tokenizer, text_encoder):
        (encoded,) = encode([prompt], tokenizer, text_encoder)
        assert (tokenizer.unk_token_id in encoded.tokens.ids) == ("雪" in prompt)  # and diffusers' ids: see above


class TestErrors:
    @pytest.mark.parametrize(
        ("prompts", "got"),
        [
            ([], "[]"),
            ((), "()"),
            ([None], "[None]"),
            (["a tiger", 7], "['a tiger', 7]"),
            ([b"a tiger"], "[b'a tiger']"),
            ("a tiger", "'a tiger'"),  # or it would be seven prompts of a letter
        ],
    )
    def test_no_list_of_texts(self, prompts, got, tokenizer, text_encoder, passes):
        with pytest.raises(PromptError) as caught:
            encode_prompts(prompts, tokenizer, text_encoder, max_length=TEXT_LENGTH)
        assert str(caught.value) == f"prompts: expected a list of at least one text, got {got}."
        assert passes == []

    def test_the_encoder_overflowed(self, tokenizer, text_encoder):
        broken = copy.deepcopy(text_encoder)
        with torch.no_grad():
            broken.shared.weight[5] = torch.nan
            broken.encoder.final_layer_norm.weight[0] = torch.inf
        with pytest.raises(
            EmbeddingError,
            match=r"^text encoder output: expected finite values, got \d+ of 1280 .* in bfloat16 or float32\.$",
        ):
            encode([TIGER], tokenizer, broken)
