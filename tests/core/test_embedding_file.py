"""Embeddings in files: exact to the last bit, and errors for every other file."""

import json

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file
from small_disk import limited_files

from richspace_core import EmbeddingError, RichSpaceError
from richspace_core.embedding_file import MixtureRecord, SavedEmbedding, load_embedding, save_embedding

MIXTURES = (
    MixtureRecord("a tiger", "a zebra", 14, 30, {"full": (0.1, 1 / 3), "truncated": (0.2, 0.7)}),
    MixtureRecord("47% (a tiger) + 53% (a zebra)", '虎 "quoted"', 1, 5, {}),
)


def values(dtype=torch.float32, rows=8, width=6):
    return torch.randn(rows, width, generator=torch.Generator().manual_seed(5)).to(dtype)


def full(dtype=torch.float32):
    """Return an embedding with all optional parts."""
    mask = torch.tensor([[1, 1, 1, 0, 0, 0, 0, 0]])
    return SavedEmbedding(values(dtype), 3, "a 虎\nin „words“", values(dtype)[:1], mask, MIXTURES, "0.1.0")


@pytest.fixture
def file(tmp_path):
    return tmp_path / "look.safetensors"


@pytest.fixture
def rewrite(file):
    """Return a function that rewrites a file with some tensors and metadata changed; None removes them."""
    save_embedding(file, full())

    def rewrite(tensors=None, **metadata):
        with safe_open(file, framework="pt") as content:
            old = {name: content.get_tensor(name) for name in content.keys()}  # noqa: SIM118 - not a mapping
            words = content.metadata()
        new, words = old | (tensors or {}), words | metadata
        save_file(
            {name: tensor for name, tensor in new.items() if tensor is not None},
            file,
            metadata={key: value for key, value in words.items() if value is not None},
        )

    return rewrite


def same(x, y):
    if x is None or y is None:
        return x is y
    return x.dtype == y.dtype and torch.equal(x, y)


class TestRoundTrip:
    @pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16, torch.float16], ids=str)
    def test_everything_comes_back_to_the_last_bit(self, file, dtype):
        saved = full(dtype)
        save_embedding(file, saved)
        loaded = load_embedding(file)
        for name in ("values", "pooled_output", "attention_mask"):
            assert same(getattr(loaded, name), getattr(saved, name)), name
        for name in ("token_count", "text", "mixtures", "pack_version", "summary"):
            assert getattr(loaded, name) == getattr(saved, name), name

    def test_what_is_not_there_stays_so(self, file):
        save_embedding(file, SavedEmbedding(values()))
        loaded = load_embedding(file)
        assert (loaded.token_count, loaded.text, loaded.mixtures) == (None, "", ())
        assert loaded.pooled_output is None
        assert loaded.attention_mask is None

    def test_views_are_saved_as_what_they_show(self, file):
        whole = values(rows=16, width=12)
        saved = SavedEmbedding(whole[::2, ::2], pooled_output=whole[:1], attention_mask=torch.ones(16)[::2])
        save_embedding(file, saved)
        assert same(load_embedding(file).values, whole[::2, ::2].contiguous())

    def test_the_summary_is_for_people(self):
        assert full(torch.bfloat16).summary.splitlines()[2:] == [
            "14 of 30: 47% A (A: a tiger, B: a zebra)",
            '1 of 5: 20% A (A: 47% (a tiger) + 53% (a zebra), B: 虎 "quoted")',
            "8 tokens, 3 of them the prompt's own; width 6, bfloat16",
            "saved by ComfyUI-RichSpace 0.1.0",
        ]
        assert SavedEmbedding(values()).summary == "8 tokens; width 6, float32"


class TestWhatIsRefused:
    def refused(self, file, message):
        with pytest.raises(EmbeddingError, match=rf"^look\.safetensors{message}"):
            load_embedding(file)

    @pytest.mark.parametrize("size", [0, 5, 40, -1, -60])
    def test_a_damaged_file(self, file, size):
        save_embedding(file, full())
        file.write_bytes(file.read_bytes()[:size])
        self.refused(file, r": expected a complete file of RichSpace Save Embedding, got a damaged file \(.*Delete it")

    def test_a_file_that_is_not_there(self, file):
        self.refused(file, ": expected a complete file")

    def test_another_kind_of_safetensors_file(self, file):
        save_file({name: torch.ones(2) for name in "abcd"}, file)
        self.refused(file, r": expected a file of RichSpace Save Embedding, got another kind .* with a, b, c \.\.\.")

    def test_a_newer_format(self, rewrite, file):
        rewrite(richspace_embedding="2")
        self.refused(
            file, r": expected a file of format 1, got a file of format 2, saved by a newer .* Update ComfyUI-Rich"
        )

    @pytest.mark.parametrize("number", [torch.nan, torch.inf])
    @pytest.mark.parametrize(("name", "said"), [("embedding", "embedding"), ("pooled_output", "pooled_output")])
    def test_values_that_are_not_finite(self, rewrite, file, name, said, number):
        spoilt = values()[: 8 if name == "embedding" else 1].clone()
        spoilt[0, 2] = number
        rewrite({name: spoilt})
        self.refused(file, f", {said}: expected finite values, got 1 of")

    @pytest.mark.parametrize("tensor", [torch.ones(8), torch.ones(1, 8, 6), torch.ones(8, 6, dtype=torch.int64)])
    def test_an_embedding_of_another_form(self, rewrite, file, tensor):
        rewrite({"embedding": tensor})
        self.refused(file, ", values: expected a floating point matrix")

    def test_a_mask_of_another_length(self, rewrite, file):
        rewrite({"attention_mask": torch.ones(1, 7)})
        self.refused(file, ", attention_mask: expected one entry for each of 8 tokens")

    def test_a_missing_embedding(self, rewrite, file):
        rewrite({"embedding": None})
        self.refused(file, ": expected a complete file")

    @pytest.mark.parametrize("count", [0, 9, -1])
    def test_a_token_count_that_cannot_be(self, rewrite, file, count):
        rewrite(about=changed_about(file, token_count=count))
        self.refused(file, ", token_count: expected between 1 and the embedding's 8 rows")

    @pytest.mark.parametrize(
        "changes",
        [{"token_count": "many"}, {"mixtures": 3}, {"mixtures": [{}]}, {"mixtures": [None]}, {"text": None}],
        ids=str,
    )
    def test_words_of_another_form(self, rewrite, file, changes):
        about = {**json.loads(changed_about(file)), **changes}
        if changes.get("text", "") is None:
            del about["text"]
        rewrite(about=json.dumps(about))
        self.refused(file, ": expected a complete file")

    @pytest.mark.parametrize("about", [None, "", "no JSON", "[]", "3"])
    def test_no_words_at_all(self, rewrite, file, about):
        rewrite(about=about)
        self.refused(file, ": expected a complete file")

    def test_a_candidate_that_cannot_be(self, rewrite, file):
        mixture = json.loads(changed_about(file))["mixtures"][0]
        rewrite(about=changed_about(file, mixtures=[mixture | {"steps": 0}]))
        self.refused(file, ", steps: expected an integer >= 1")

    @pytest.mark.parametrize("name", ["embedding", "pooled_output", "attention_mask"])
    def test_a_value_that_changed_on_the_disk(self, rewrite, file, name):
        changed = {"embedding": values(), "pooled_output": values()[:1], "attention_mask": full().attention_mask}[name]
        changed = changed.clone()
        changed[0, 2] = 0  # as a byte that a bad disk has lost
        rewrite({name: changed})
        self.refused(file, r": expected a complete file .*its content does not match its checksum.* Delete it")

    def test_words_that_were_changed(self, rewrite, file):
        rewrite(about=changed_about(file, text="another prompt"))
        self.refused(file, ": expected a complete file .*checksum")

    def test_a_file_of_an_earlier_version_has_no_checksum(self, rewrite, file):
        rewrite(sha256=None)
        assert same(load_embedding(file).values, values())

    def test_what_is_not_finite_is_not_saved_either(self, file):
        with pytest.raises(RichSpaceError, match=r"^embedding: expected finite values"):
            save_embedding(file, SavedEmbedding(values() * torch.nan))
        assert not file.exists()


class TestAFullDisk:
    def test_nothing_is_left_and_it_is_said(self, file):
        with limited_files(100), pytest.raises(EmbeddingError, match=r"^look\.safetensors: .* written in .*, got File"):
            save_embedding(file, full())
        assert list(file.parent.iterdir()) == []

    def test_an_earlier_file_stays(self, file):
        save_embedding(file, SavedEmbedding(values()))
        with limited_files(100), pytest.raises(EmbeddingError, match="Check the free disk space"):
            save_embedding(file, full())
        assert load_embedding(file).token_count is None


def changed_about(file, **changes):
    """Return the metadata of a file, changed."""
    with safe_open(file, framework="pt") as content:
        return json.dumps(json.loads(content.metadata()["about"]) | changes)
