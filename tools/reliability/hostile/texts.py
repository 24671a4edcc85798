"""Hostile texts, names of files and numbers, as strategies of hypothesis."""

from __future__ import annotations

import math
from typing import Any

from hypothesis import strategies as st

LONE_SURROGATE = "half \ud83d of a character"

TEXTS = (
    "",
    " ",
    "\n\n\t",
    "\0",
    "a red \0 circle",
    "\x1b[31mred\x1b[0m\x07",
    "\u202ea red circle\u202c",  # from right to left
    "\u200b\u200d\ufeff",
    "赤い丸が右へ動く",
    "دائرة حمراء تتحرك إلى اليمين",
    "कमल \u0915\u094d\u0937",
    "e" + "\u0301" * 300,
    "👩‍👩‍👧‍👦" * 40,
    "<script>alert(1)</script><img src=x onerror=alert(1)>",
    "**bold** [link](javascript:alert(1)) | cell | `code`",
    "{{ 7 * 7 }} {% raw %} ${HOME} $(reboot) %n%s",
    "(word:1.2) embedding:../../secret <lora:x:1>",
    "$x^2$ \\frac{1}{0} $\\unknown{$",
    "a red circle " * 500,
    "a" * 20_000,
    LONE_SURROGATE,
    "nan",
    "1e999",
    "-1",
    "[]",
    '{"__class__": "os.system"}',
)
NAMES = (
    "../outside",
    "../../../../etc/passwd",
    "/etc/passwd",
    "/",
    ".",
    "..",
    "...",
    "~",
    "~/file",
    "C:\\Windows\\system32\\drivers\\etc\\hosts",
    "\\\\server\\share\\file",
    "//server/share/file",
    "file:///etc/passwd",
    "%2e%2e%2f%2e%2e%2fetc%2fpasswd",
    "..%c0%af..%c0%afetc",
    "....//....//etc",
    "CON",
    "NUL.safetensors",
    "aux/com1",
    "name.safetensors\0.txt",
    "name\n.safetensors",
    "name\x1b[2J",
    "\u202etxt.snrotesnefas",
    "name.",
    " name ",
    "name:stream",
    "a" * 300,
    "a/" * 600 + "a",
    "link/file",
    "link",
    "folder",
    "%year%/%width%/%nothing%",
    "日本語/ファイル",
    "",
    LONE_SURROGATE,
)
PATTERNS = (
    "1, 8, 15-18",
    "1-1000000000",
    "5-1",
    "0",
    "-3",
    "1e3",
    "1,,2",
    "\u0661, \u0662",
    "١-٩",
    "²",
    "0%: A, 100%: B",
    "0%: A, 0%: B",
    "100%: A, 0%: B",
    "0%: G",
    "0%: 1e400% A",
    "99999999999999999999999: A",
    "0%: A" + ", 1: B" * 3000,
    "0" * 5000 + "%: A",
    "9" * 400 + ": A",
    "٣%: A, 100%: B",
    "2, 1",
    "2, 1, 1",
    "inf, 1, 1",
    "1e308, 1e308, 1e308",
    "1e-320, 1, 1",
    "1e-308, 1e308, 1",
    "nan, 1",
    "0, 0, 0",
    "1_000, 1, 1",
)

WHOLE_NUMBERS = (0, 1, 2, -1, 3, 7, 9, 15, 16, 17, 30, 31, 32, 48, 64, 1000, 1001, 2**31, 2**63, 2**64, 2**70, -(2**70))
FRACTIONS = (0.0, -0.0, 0.5, 1.0, 0.01, 0.99, 6.0, 100.0, -1.0, 1e-320, 1e38, 1e39, 1e308, -1e308)
NOT_FINITE = (math.nan, math.inf, -math.inf)
NOT_NUMBERS: tuple[Any, ...] = (None, True, "7", "", [], [1, 2], {}, {"a": 1}, b"7", 1 + 2j)

texts = st.one_of(st.sampled_from(TEXTS), st.sampled_from(NAMES), st.sampled_from(PATTERNS), st.text(max_size=40))
names = st.one_of(st.sampled_from(NAMES), st.text(max_size=20))
patterns = st.one_of(
    st.sampled_from(PATTERNS),
    st.text(alphabet="0123456789,-.%:;+ ABCDEFGabcnife\n", max_size=24),
)
numbers = st.one_of(
    st.sampled_from(WHOLE_NUMBERS),
    st.sampled_from(FRACTIONS),
    st.sampled_from(NOT_FINITE),
    st.sampled_from(NOT_NUMBERS),
)
