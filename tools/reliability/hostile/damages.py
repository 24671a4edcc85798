"""Damage to safetensors and JSON files, each kind as a function of the file's content."""

from __future__ import annotations

import json
import os
import struct
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

DEEP = "[" * 100_000

#: JSON texts that no writer of these files makes.
JSON_TEXTS = (
    *("", "null", "[]", "{}", "7", '"text"', "{", "NaN", "1e400", DEEP, '{"a":' * 50_000, "\x00", "\ud800"),
    '{"token_count": 1e400, "text": "x", "mixtures": [], "pack_version": ""}',
    '{"token_count": NaN, "text": "x", "mixtures": [], "pack_version": ""}',
    '{"token_count": -1, "text": "x", "mixtures": [], "pack_version": ""}',
    '{"token_count": true, "text": 7, "mixtures": 7, "pack_version": []}',
    '{"token_count": 3, "text": "x", "mixtures": [[]], "pack_version": ""}',
    '{"token_count": 3, "text": "x", "mixtures": [{}], "pack_version": ""}',
    '{"token_count": 3, "text": "\\ud800", "mixtures": [], "pack_version": "\\u001b[31m"}',
    '{"token_count": 3, "text": "x", "mixtures": [{"a": 1, "b": 2, "index": 9, "steps": 3}], "pack_version": ""}',
    '{"token_count": 3, "text": "x", "mixtures": [{"a": 1, "b": 2, "index": 1, "steps": 1e400}], "pack_version": ""}',
    '{"token_count": 3, "text": "", "mixtures": [{"a": 1, "b": 2, "index": 1, "steps": 3, "c": 7}], "pack_version": 1}',
    '{"token_count": 3, "text": "", "mixtures": [{"a": 1, "b": 2, "index": 1, "steps": 3, "c": [null]}]}',
    '{"transformer.r": 4, "transformer.rank_pattern": {"(([a-z_]+)+)+!": 4}}',
    '{"transformer.r": 1e400, "transformer.lora_alpha": NaN}',
    '{"transformer.r": 0, "transformer.lora_alpha": 0, "transformer.rank_pattern": {"(": 2}}',
    '{"transformer.r": 2, "transformer.lora_alpha": 1e308, "transformer.use_rslora": "yes"}',
    '{"transformer.r": [], "transformer.alpha_pattern": 7}',
    '{"transformer.r": 2, "transformer.bias": "all"}',
)
#: Values for a number, text or list in a configuration.
JSON_VALUES: tuple[Any, ...] = (
    0,
    -1,
    10**9,
    10**30,
    1.5,
    "x",
    "",
    None,
    True,
    [],
    [0],
    [10**9],
    {},
    float("nan"),
    float("inf"),
    "../..",
)


def split(content: bytes) -> tuple[dict[str, Any], bytes]:
    """Return the header and the data of a safetensors file."""
    (length,) = struct.unpack("<Q", content[:8])
    return json.loads(content[8 : 8 + length]), content[8 + length :]


def join(header: dict[str, Any] | bytes, data: bytes) -> bytes:
    """Return a safetensors file."""
    text = header if isinstance(header, bytes) else json.dumps(header).encode("utf-8", "surrogatepass")
    return struct.pack("<Q", len(text)) + text + data


def truncated(content: bytes, share: float) -> bytes:
    """Cut off the end."""
    return content[: int(len(content) * share)]


def header_length(content: bytes, length: int) -> bytes:
    """Claim another length of the header."""
    return struct.pack("<Q", length) + content[8:]


def flipped(content: bytes, share: float) -> bytes:
    """Change one byte."""
    at = min(int(len(content) * share), len(content) - 1)
    return content[:at] + bytes([content[at] ^ 0xFF]) + content[at + 1 :] if content else b"\xff"


def tensor_entry(content: bytes, key: str, value: Any, which: int) -> bytes:
    """Change a part of a tensor's entry in the header: its dtype, shape or data_offsets."""
    header, data = split(content)
    names = [name for name in header if name != "__metadata__"]
    header[names[which % len(names)]][key] = value
    return join(header, data)


def without_tensor(content: bytes, which: int) -> bytes:
    """Leave out a tensor."""
    header, data = split(content)
    names = [name for name in header if name != "__metadata__"]
    del header[names[which % len(names)]]
    return join(header, data)


def renamed_tensor(content: bytes, which: int, name: str) -> bytes:
    """Give a tensor another name."""
    header, data = split(content)
    names = [each for each in header if each != "__metadata__"]
    header[name] = header.pop(names[which % len(names)])
    return join(header, data)


def bits(content: bytes, value: int) -> bytes:
    """Fill the data with one byte: 0xff makes NaN of every number, 0x7f very large ones."""
    header, data = split(content)
    return join(header, bytes([value]) * len(data))


def metadata(content: bytes, key: str, value: Any) -> bytes:
    """Change a text in the header."""
    header, data = split(content)
    known = header.setdefault("__metadata__", {})
    known[key] = value
    return join(header, data)


def other_header(content: bytes, text: str) -> bytes:
    """Put another text in place of the header."""
    return join(text.encode("utf-8", "surrogatepass"), split(content)[1])


def json_value(content: bytes, which: int, value: Any) -> bytes:
    """Change a value of a JSON object."""
    known = json.loads(content)
    names = sorted(known)
    known[names[which % len(names)]] = value
    return json.dumps(known).encode()


def other_content(_: bytes, text: str) -> bytes:
    """Put another text in place of everything."""
    return text.encode("utf-8", "surrogatepass")


DAMAGES: dict[str, Callable[..., bytes]] = {
    function.__name__: function
    for function in (
        *(truncated, header_length, flipped, tensor_entry, without_tensor, renamed_tensor, bits, metadata),
        *(other_header, json_value, other_content),
    )
}


def replace_file(file: Path, kind: str) -> None:
    """Put something else in place of a file: a folder, a link to itself or to nothing, or a pipe.

    Windows has no pipes there, and links need special rights: then there is nothing in its place.
    """
    file.unlink()
    if kind == "folder":
        file.mkdir()
    elif kind.startswith("link") and sys.platform == "win32":
        return
    elif kind == "link to itself":
        file.symlink_to(file)
    elif kind == "link to nothing":
        file.symlink_to(file.with_name("nothing here"))
    elif kind == "link to a device":
        file.symlink_to("/dev/zero")
    elif kind == "pipe" and hasattr(os, "mkfifo"):
        os.mkfifo(file)
    elif kind == "100 MB of zeros":
        with file.open("wb") as made:
            made.write(struct.pack("<Q", 100_000_000))
            made.truncate(100_000_008)


REPLACED = ("folder", "link to itself", "link to nothing", "link to a device", "pipe", "100 MB of zeros", "nothing")
