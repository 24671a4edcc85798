"""The finder's evaluation as tables in Markdown, as JSON, and as strips of frames to look at."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from .figures import ANY, CONTROLS, RANDOM, Choice, Figures
from .pairs import GUIDE, KINDS, MIDDLE, ONLY_B, Pair, Source
from .statistics import Estimate

_SCALE, _GAP, _LINE = 2, 4, 14  # pixels for each pixel of a clip, between frames, and of a line of text
_PAPER, _INK, _CHOSEN = "#ffffff", "#222222", "#d02070"
_SHOWN = 10  # candidates in a strip, evenly far apart


@dataclass(eq=False)
class Strip:
    """The middle frames of a pair's clips, with one seed.

    Args:
        pair: The pair.
        choice: What the finder chose, which is marked.
        frames: By what a clip was drawn from, ``[h, w, 3]`` in 0..1.
    """

    pair: Pair
    choice: Choice
    frames: dict[Source, np.ndarray] = field(default_factory=dict)

    def picture(self) -> Image.Image:
        """From A to B, ten candidates and those that an arm draws, then the guide prompt's own clip."""
        swept = sorted((source for source in self.frames if isinstance(source, int)), reverse=True)
        spread = {swept[round(place)] for place in np.linspace(0, len(swept) - 1, min(_SHOWN, len(swept)))}
        marks = {"one guide": self.choice.a_first, "both orders": self.choice.both, "middle": MIDDLE}
        titles: dict[Source, tuple[str, str]] = {
            index: (str(index), ", ".join(mark for mark, marked in marks.items() if marked == index))
            for index in sorted({*spread, *marks.values()}, reverse=True)
        }
        titles |= {ONLY_B: ("B", ""), GUIDE: ("guide", "prompt")}
        frames = [(self.frames[source], title) for source, title in titles.items() if source in self.frames]
        side = _SCALE * frames[0][0].shape[0]
        picture = Image.new("RGB", (len(frames) * (side + _GAP) + _GAP, side + 3 * _LINE + 2 * _GAP), _PAPER)
        draw, font = ImageDraw.Draw(picture), ImageFont.load_default()
        draw.text((_GAP, 0), f"A: {self.pair.prompts[0]}. Guide: {self.pair.guides[0]}", _INK, font=font)
        for place, (frame, (title, mark)) in enumerate(frames):
            x, y = _GAP + place * (side + _GAP), 3 * _LINE + _GAP
            image = Image.fromarray((255 * frame + 0.5).astype(np.uint8))
            picture.paste(image.resize((side, side), Image.Resampling.NEAREST), (x, y))
            for line, text in enumerate((title, mark), start=1):
                draw.text((x, line * _LINE), text, _CHOSEN if mark else _INK, font=font)
        return picture


def markdown(found: Figures) -> str:
    """All tables."""
    parts = [
        f"# Demo model: {found['model']}, seed {found['seed']}",
        *(["Quick: too few clips to mean anything."] if found["quick"] else []),
        _INTERVALS,
        _table("Single prompts, share drawn as said", ["", "share"], _rows(found["singles"])),
        _table("Mixtures, share of clips with both features", ["drawn from", *KINDS, *_REST], _mixture_rows(found)),
        _ARMS,
        _table("Differences over the same pairs", ["", "both features there"], _rows(found["differences"], "{:+.0%}")),
        _kept_table(found["kept"]),
        *_sweep_tables(found["sweeps"]),
        _table("Mean index that the finder chose", ["guide", "index of 30"], _rows(found["indices"], "{:.1f}")),
        _cost_table(found["cost"]),
    ]
    return "\n\n".join(parts) + "\n"


_REST = ("all", "all, rest kept", "rest kept")
_INTERVALS = (
    "Shares with 95% intervals: Wilson's, for as many independent clips as those of the pairs are worth; bootstrapped "
    "over the pairs where it is a mean. What counts as what is in `demo_model/measure.py`."
)
_ARMS = (
    f"*{CONTROLS[0]}* and *{CONTROLS[1]}* are controls: what they draw is no mixture. *{RANDOM}* and *{ANY}* come from "
    "the sweep, which has one seed; the latter is the most that any choice of an index could reach there."
)


def _mixture_rows(found: Figures) -> list[list[str]]:
    return [
        [arm, *(columns[name].shown() if name in columns else "" for name in (*KINDS, *_REST))]
        for arm, columns in found["mixtures"].items()
    ]


def _kept_table(kept: Figures) -> str:
    kinds = list(next(iter(kept.values())))
    rows = [[arm, *(columns[kind].shown() for kind in kinds)] for arm, columns in kept.items()]
    return _table("What should have stayed, share that did", ["drawn from", *kinds], rows)


def _sweep_tables(sweeps: Figures) -> list[str]:
    if not sweeps["errors"]:
        return ["No pair's sweep leads from B to A: there is no best index to be near to."]
    count = ", ".join(f"{number} of {kind}" for kind, number in sweeps["pairs"].items())
    header = ["index", *(f"from the best: {name}" for name in sweeps["best"])]
    rows = [[way, *(each.shown("{:.1f}") for each in columns.values())] for way, columns in sweeps["errors"].items()]
    rows.append(["(mean best index)", *(each.shown("{:.1f}") for each in sweeps["best"].values())])
    return [_table(f"Mean distance of the chosen index from the best one ({count} pairs have one)", header, rows)]


def _cost_table(cost: Mapping[str, float | None]) -> str:
    rows = [[f"{name}, s", f"{cost[name]:.2f}"] for name in ("load", "load again", "sample", "decode")]
    if cost["peak memory"] is not None:
        rows.append(["peak memory of the process, MB", f"{cost['peak memory'] / 1e6:.0f}"])
    return _table("A clip on one core (float32; the first load imports diffusers and transformers)", ["", ""], rows)


def _rows(estimates: Mapping[str, Estimate], form: str = "{:.0%}") -> list[list[str]]:
    return [[name, estimate.shown(form)] for name, estimate in estimates.items()]


def _table(title: str, header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return f"## {title}\n\n" + "\n".join("| " + " | ".join(line) + " |" for line in lines)


def write(folder: Path, found: Figures, strips: Sequence[Strip]) -> None:
    """Write figures.json, figures.md and the strips."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "figures.json").write_text(json.dumps(found, indent=1, default=_plain) + "\n", encoding="utf-8")
    (folder / "figures.md").write_text(markdown(found), encoding="utf-8")
    for strip in strips:
        strip.picture().save(folder / f"{strip.pair.name.replace(' + ', '-').replace(' ', '-')}.png")


def _plain(value: Any) -> Any:
    return dataclasses.asdict(value)
