"""The former name of `richspace_core.cogvideox.unknown_words`."""

from .cogvideox.unknown_words import UnknownWords, find_unknown_words, split_words

__all__ = ["UnknownWords", "find_unknown_words", "split_words"]
