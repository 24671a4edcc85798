"""Encoding with the pack's T5 and with ComfyUI's CLIP: both give diffusers' ids and embedding."""

import logging
import shutil
from functools import partial

import pytest
import torch
from conditionings import extras_of, identical, values_of
from host_clips import PUBLISHED_LENGTH, clip_without_weights, cogvideox_clip, use_the_host_s_tokenizer
from host_encoders import tiny_clip
from node_runs import results, run_node, says
from safetensors.torch import save_file
from small_models.random_models import write_closed_tokenizer
from small_models.tiny_models import TEXT_LENGTH

TIGER = "The tiger, moves gracefully through the forest, its fur flowing in the breeze."
PROMPTS = {
    "plain": TIGER,
    "empty": "",
    "parentheses": "a (red) tiger ((with)) (stripes",
    "a weight": "a (tiger:1.2) and a [zebra] by the river",
    "escaped parentheses": r"a \(red\) tiger \\(with\\) stripes \o/",
    "unicode": "un café à Zürich, 虎 et 斑马 🐯 „Löwe“",
    "spaces and lines": "  a tiger\n\n  and\ta zebra  ",
    "an end of sentence": "a tiger</s> and a zebra <pad>",
    "an end of sentence at the end": "a tiger</s>",
    "an embedding": "a tiger embedding:striped runs",
    "an embedding first": "embedding:striped",
    "an embedding without a name": "a tiger embedding:",
    "an embedding and nothing": "embedding:",
    "an embedding after a line": "a tiger\nembedding: by the river",
    "an embedding with weights": "(embedding:striped:1.2), embedding:zebra",
}
LONG = " ".join(f"tiger number {number}" for number in range(200))


@pytest.fixture
def encode(nodes_by_id):
    return nodes_by_id["RichSpaceT5Encode"]


@pytest.fixture
def tiny(load_model):
    """Return the tiny model's text encoder from the loader."""
    _, text_encoder = load_model()
    return text_encoder


@pytest.fixture
def pipeline_encoding(tiny_folders):
    """Encode a prompt with diffusers' pipeline: (ids, embedding)."""
    from diffusers import CogVideoXPipeline
    from transformers import T5EncoderModel

    t5 = T5EncoderModel.from_pretrained(tiny_folders["2b"] / "text_encoder", dtype=torch.float32)
    pipeline = CogVideoXPipeline.from_pretrained(tiny_folders["2b"], transformer=None, vae=None, text_encoder=t5)

    def encoding(prompt):
        length = {"max_sequence_length": TEXT_LENGTH}
        with torch.inference_mode():
            embedding, _ = pipeline.encode_prompt(prompt, do_classifier_free_guidance=False, **length)
        return embedding[0]

    return encoding


class TestWithThePacksOwnT5:
    @pytest.mark.parametrize("kind", PROMPTS)
    def test_the_embedding_is_that_of_diffusers_pipeline(self, encode, tiny, pipeline_encoding, kind):
        conditioning, count = results(encode, encoder=tiny, text=PROMPTS[kind])
        assert torch.equal(values_of(conditioning), pipeline_encoding(PROMPTS[kind]))
        assert extras_of(conditioning)["richspace"] == {"token_count": count, "text": PROMPTS[kind]}
        assert extras_of(conditioning)["pooled_output"] is None
        assert count == len(tiny.tokenizer(PROMPTS[kind])["input_ids"])

    def test_an_empty_prompt_is_the_end_of_the_sentence_alone(self, encode, tiny):
        _, count = results(encode, encoder=tiny, text="")
        assert count == 1

    def test_a_prompt_that_is_too_long_names_the_lost_words(self, encode, tiny, pipeline_encoding, caplog):
        with caplog.at_level(logging.WARNING):
            run = run_node(encode, encoder=tiny, text=LONG)
        conditioning, count = run.result
        assert count == TEXT_LENGTH
        assert torch.equal(values_of(conditioning), pipeline_encoding(LONG))
        total = len(tiny.tokenizer(LONG, verbose=False)["input_ids"])
        (said,) = run.ui["richspace_report"]
        assert said["text"] == f"{total} of {TEXT_LENGTH} tokens"
        assert said["warning"].startswith('Too long. Lost: "')
        assert said["warning"].endswith('tiger number 199"')
        assert "tiger number 1 " not in said["warning"]  # the model reads that
        assert run.ui["text"] == (f"{said['text']}\n{said['warning']}",)
        assert "tiger number 199" in caplog.text

    def test_a_prompt_that_fits_exactly_loses_nothing(self, encode, tiny):
        words = next(
            text
            for text in ("a" + " tiger" * repeat + " a" * rest for repeat in range(TEXT_LENGTH) for rest in range(3))
            if len(tiny.tokenizer(text)["input_ids"]) == TEXT_LENGTH
        )
        _, count = results(encode, encoder=tiny, text=words)
        assert count == TEXT_LENGTH
        assert says(encode, encoder=tiny, text=words) == f"{TEXT_LENGTH} of {TEXT_LENGTH} tokens"

    @pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
    def test_a_half_type_comes_out_in_the_host_s_type(self, encode, load_model, pipeline_encoding, dtype):
        _, text_encoder = load_model(dtype=dtype)
        conditioning, _ = results(encode, encoder=text_encoder, text=TIGER)
        assert values_of(conditioning).dtype == torch.float32
        torch.testing.assert_close(values_of(conditioning), pipeline_encoding(TIGER), rtol=0.1, atol=0.1)


class TestWithAClosedVocabulary:
    @pytest.fixture
    def closed(self, diffusers_folder, tiny_folders, nodes_by_id):
        """Return the text encoder of a model that knows few words, from the loader."""
        folder = shutil.copytree(tiny_folders["2b"], diffusers_folder / "closed")
        write_closed_tokenizer(folder / "tokenizer", ("a", "red", "circle"))
        _, text_encoder = results(nodes_by_id["RichSpaceLoadCogVideoX"], model="closed", dtype="float32")
        return text_encoder

    def test_known_words_and_none_are_encoded(self, encode, closed):
        assert [results(encode, encoder=closed, text=text)[1] for text in ("A red circle.", "")] == [5, 1]

    def test_unknown_words_are_named_before_weights_are_loaded(self, encode, closed, core, uses):
        message = (
            r'^text: expected only words that this model knows, got "tiger"\. Its words are: a, circle, red\. '
            r"Use these, or choose a real CogVideoX in the loader\.$"
        )
        with pytest.raises(core.PromptError, match=message):
            results(encode, encoder=closed, text="a red tiger")
        assert uses == []


@pytest.fixture(scope="module")
def twin_folder(tiny_folders, tmp_path_factory):
    """Save a tiny model with ComfyUI's tokenizer."""
    folder = shutil.copytree(tiny_folders["2b"], tmp_path_factory.mktemp("twins") / "twin")
    use_the_host_s_tokenizer(folder)
    return folder


@pytest.fixture(scope="module")
def twins(twin_folder, host_memory, models, core, tmp_path_factory):
    """The same T5 twice: as this pack's, and as ComfyUI's CLIP, which finds an embedding called "striped"."""
    embeddings = tmp_path_factory.mktemp("embeddings")
    save_file({"t5xxl": torch.ones(3, 32)}, embeddings / "striped.safetensors")
    opened = core.cogvideox.folder.CogVideoXFolder.open(twin_folder)
    load = partial(opened.load, "text_encoder")
    owned = host_memory.HostOwned("text_encoder", load, stored_dtype=torch.float32, dtype=torch.float32)
    return models.T5Encoder(opened, owned), cogvideox_clip(opened.load("text_encoder", torch.float32), str(embeddings))


class TestWithTheHostsClip:
    @pytest.mark.parametrize("kind", [*PROMPTS, "too long"])
    def test_the_same_weights_give_the_same_ids_and_embedding(self, encode, twins, kind):
        text = PROMPTS.get(kind, LONG)
        (own, own_count), (host, host_count) = (results(encode, encoder=encoder, text=text) for encoder in twins)
        assert own_count == host_count
        assert values_of(own).shape == values_of(host).shape == (PUBLISHED_LENGTH, 32)
        # Two float32 implementations of the same layers, whose sums differ in the order of their terms: 1.5e-6 was seen
        # here, and another id gives more than 0.1.
        assert (values_of(own) - values_of(host)).norm() < 1e-5 * values_of(own).norm()
        assert extras_of(own)["richspace"] == extras_of(host)["richspace"]

    def test_weights_are_not_parsed_as_the_host_s_own_node_does(self, encode, twins):
        _, clip = twins
        ours, _ = results(encode, encoder=clip, text=PROMPTS["a weight"])
        parsed = clip.encode_from_tokens_scheduled(clip.tokenize(PROMPTS["a weight"]))
        assert (values_of(ours) - values_of(parsed)).abs().max() > 0.01

    def test_a_prompt_that_is_too_long_names_the_lost_words(self, encode, twins):
        assert [results(encode, encoder=encoder, text=LONG)[1] for encoder in twins] == [PUBLISHED_LENGTH] * 2
        own, host = (says(encode, encoder=encoder, text=LONG) for encoder in twins)
        assert own == host
        assert f" of {PUBLISHED_LENGTH} tokens\nToo long. Lost: " in host
        assert host.endswith('tiger number 199"')

    def test_an_embedding_is_taken_out_by_the_host_s_own_node_alone(self, encode, twins):
        _, clip = twins
        text = PROMPTS["an embedding"]
        ours, count = results(encode, encoder=clip, text=text)
        parsed = clip.encode_from_tokens_scheduled(clip.tokenize(text, disable_weights=True))
        assert (values_of(ours) - values_of(parsed)).norm() > 0.1 * values_of(ours).norm()
        assert count == len(twins[0].tokenizer(text)["input_ids"])

    @pytest.mark.parametrize("text", ["a tiger</s>", "</s>", "a</s> tiger", "<pad> a tiger <pad>"])
    def test_the_count_is_that_of_the_ids_that_diffusers_pads(self, encode, twins, text):
        own, _ = twins
        padded = own.tokenizer(text, padding="max_length", max_length=PUBLISHED_LENGTH, truncation=True)
        for encoder in twins:
            assert results(encode, encoder=encoder, text=text)[1] == sum(padded["attention_mask"])

    def test_a_lost_end_of_sentence_is_named(self, encode, twins):
        own, _ = twins
        words = next(
            text
            for text in (
                "a" + " tiger" * repeat + " a" * rest for repeat in range(PUBLISHED_LENGTH) for rest in range(3)
            )
            if len(own.tokenizer(text)["input_ids"]) == PUBLISHED_LENGTH
        )
        for encoder in twins:
            said = says(encode, encoder=encoder, text=f"{words}</s>")
            assert said == f'{PUBLISHED_LENGTH + 1} of {PUBLISHED_LENGTH} tokens\nToo long. Lost: "</s>"'

    def test_the_clip_is_left_as_it_was(self, encode, twins):
        _, clip = twins
        before = clip.encode_from_tokens_scheduled(clip.tokenize(TIGER))
        results(encode, encoder=clip, text=LONG)
        assert identical(clip.encode_from_tokens_scheduled(clip.tokenize(TIGER)), before)


UNKNOWN = {
    "一只红色的老虎，在森林里": '11 of 11 words are {}: "一只红色的老虎", "在森林里"',
    "日本語": '3 of 3 words are {}: "日本語"',
    "虎": 'The word is {}: "虎"',
    "a red 虎 and a 🐯": '2 of 6 words are {}: "虎", "🐯"',
    "ein Löwe, un café et deux tigres": "",
    "a {red|blue} tiger, (very:1.2) <fast>": "",  # signs are no words
    "": "",
}


class TestUnknownWords:
    @pytest.mark.parametrize("text", UNKNOWN)
    def test_are_named_on_the_node(self, encode, twins, text):
        expected = UNKNOWN[text].format("not known to this text encoder, which reads all unknown characters alike")
        for encoder in twins:
            (said,) = run_node(encode, encoder=encoder, text=text).ui["richspace_report"]
            assert said["warning"] == expected

    def test_and_logged(self, encode, twins, caplog):
        with caplog.at_level(logging.WARNING):
            results(encode, encoder=twins[0], text="a red 虎")
        assert "1 of 3 words are not known" in caplog.text

    def test_come_after_what_was_lost(self, encode, twins):
        for encoder in twins:
            said = says(encode, encoder=encoder, text=f"虎 {LONG}")
            assert said.index("Too long. Lost: ") < said.index("\n1 of 601 words are not known")

    def test_of_a_tokenizer_of_sentencepiece(self, encode):
        clip = tiny_clip("Wan")
        assert "1 of 3 words are not known" in says(encode, encoder=clip, text="a tiger 虎")


class TestEncodersThatCogVideoXCannotRead:
    def test_clip_l(self, encode, core):
        from comfy.sd1_clip import SD1Tokenizer

        message = r"^text encoder: expected a single T5, the text encoder of CogVideoX, got clip_l\. In Load CLIP, "
        with pytest.raises(core.PromptError, match=message):
            results(encode, encoder=clip_without_weights(SD1Tokenizer), text=TIGER)

    def test_several_encoders_in_one(self, encode, core):
        from comfy.text_encoders.flux import FluxTokenizer

        with pytest.raises(core.PromptError, match=r"got clip_l and t5xxl\. In Load CLIP, choose.*type cogvideox"):
            results(encode, encoder=clip_without_weights(FluxTokenizer), text=TIGER)

    def test_none_at_all(self, encode, core):
        # What ComfyUI's checkpoint loader gives where a checkpoint holds no text encoder.
        with pytest.raises(
            core.PromptError, match=r"^text encoder: expected a text encoder, got none\. The loaded file"
        ):
            results(encode, encoder=None, text=TIGER)
