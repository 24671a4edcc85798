"""Report of the finder's evaluation: Markdown tables, JSON, and strips of frames."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from richspace_core.files import write_file
from richspace_core.markdown import markdown_table

from .estimates import IntervalEstimate
from .figures import ANY, CONTROLS, QUICK, RANDOM, ChosenIndices, Figures
from .pairs import GUIDE, KINDS, MIDDLE, ONLY_B, Pair, Source

_SCALE, _GAP, _LINE = 2, 4, 14  # enlargement of a frame, pixels between frames, height of a text line in pixels
_BACKGROUND, _TEXT, _MARKED = "#ffffff", "#222222", "#d02070"
_SHOWN = 10  # evenly spaced candidates in a strip


@dataclass(eq=False)
class Strip:
    """The middle frames of a pair's clips with one seed.

    Args:
        pair: The pair.
        choice: The indices that the finder chose; the strip marks them.
        frames: The frame from each source, ``[h, w, 3]`` in 0..1.
    """

    pair: Pair
    choice: ChosenIndices
    frames: dict[Source, np.ndarray] = field(default_factory=dict)

    def draw(self) -> Image.Image:
        """Draw ten candidates and the arms' candidates, from A to B, and then the guide prompt's clip."""
        swept = sorted((source for source in self.frames if isinstance(source, int)), reverse=True)
        spread = {swept[round(position)] for position in np.linspace(0, len(swept) - 1, min(_SHOWN, len(swept)))}
        marks = {"one guide": self.choice.a_first, "both orders": self.choice.both, "middle": MIDDLE}
        if QUICK in self.choice.searches:
            marks["Balance"] = self.choice.searches[QUICK].index
        titles: dict[Source, tuple[str, str]] = {
            index: (str(index), ", ".join(mark for mark, marked in marks.items() if marked == index))
            for index in sorted({*spread, *marks.values()}, reverse=True)
        }
        titles |= {ONLY_B: ("B", ""), GUIDE: ("guide", "prompt")}
        frames = [(self.frames[source], title) for source, title in titles.items() if source in self.frames]
        side = _SCALE * frames[0][0].shape[0]
        picture = Image.new("RGB", (len(frames) * (side + _GAP) + _GAP, side + 3 * _LINE + 2 * _GAP), _BACKGROUND)
        draw, font = ImageDraw.Draw(picture), ImageFont.load_default()
        draw.text((_GAP, 0), f"A: {self.pair.prompts[0]}. Guide: {self.pair.guides[0]}", _TEXT, font=font)
        for column, (frame, (title, mark)) in enumerate(frames):
            x, y = _GAP + column * (side + _GAP), 3 * _LINE + _GAP
            image = Image.fromarray((255 * frame + 0.5).astype(np.uint8))
            picture.paste(image.resize((side, side), Image.Resampling.NEAREST), (x, y))
            for line, text in enumerate((title, mark), start=1):
                draw.text((x, line * _LINE), text, _MARKED if mark else _TEXT, font=font)
        return picture


COMPLETE, OPEN = "complete", "open"  # keys of the figures for each kind of prompts
_TITLES = {
    COMPLETE: "Complete prompts, which state every feature of the scene",
    OPEN: "Open prompts, which name only the object and the two features",
}
_REST = ("all", "all, rest kept", "rest kept")
_INTERVALS = (
    "The ranges are 95% intervals: Wilson's for the effective number of independent clips, or bootstrapped over the "
    "pairs for averages. `demo_model/measure.py` defines how features are recognized."
)
_ARMS = (
    f"*{CONTROLS[0]}* and *{CONTROLS[1]}* are controls and do not mix anything. *{RANDOM}* and *{ANY}* are computed "
    "from the sweep, which has one seed. The latter is the highest share that any choice of an index could reach there."
)


_COSTS = (
    "*Candidates from it* is the distance from the nearest candidate with both features. The cost is in denoiser steps "
    "with guidance, on top of those of the clip itself. A search pays for the drafts of A and B too."
)


def format_markdown(found: Figures) -> str:
    """Format all figures as Markdown tables."""
    parts = [
        f"# Finders on the demo model: {found['model']}, seed {found['seed']}",
        *(["A quick run: there are too few clips for reliable figures."] if found["quick"] else []),
        _INTERVALS,
        _format_table("Single prompts: share of correct clips", ["", "share"], _format_rows(found["singles"])),
        *(part for prompts in (COMPLETE, OPEN) for part in _format_prompts(prompts, found[prompts])),
        _format_cost(found["cost"]),
    ]
    return "\n\n".join(parts) + "\n"


def _format_prompts(prompts: str, found: Figures) -> list[str]:
    """Format the figures of the mixtures of one kind of prompts."""
    return [
        f"# {_TITLES[prompts]}",
        _format_mixtures(found["mixtures"]),
        _ARMS,
        _format_reach(found["reach"]),
        _COSTS,
        _format_table(
            "Differences over the same pairs",
            ["", "share with both features"],
            _format_rows(found["differences"], "{:+.0%}"),
        ),
        _format_kept(found["kept"]),
        _format_sweeps(found["sweeps"]),
        _format_table(
            "Average index of the paper's finder", ["guide", "index of 30"], _format_rows(found["indices"], "{:.1f}")
        ),
    ]


def _format_mixtures(mixtures: Figures) -> str:
    names = (*KINDS, *_REST)
    rows = [
        [arm, *(columns[name].format() if name in columns else "" for name in names)]
        for arm, columns in mixtures.items()
    ]
    return _format_table("Mixtures: share of clips with both features", ["drawn from", *names], rows)


def _format_reach(reach: Figures) -> str:
    count = ", ".join(f"{number} of {kind}" for kind, number in reach["pairs"].items())
    title = f"Pairs that have a candidate with both features ({sum(reach['pairs'].values())} of {reach['of']}: {count})"
    if not reach["arms"]:
        return f"## {title}\n\nThere is nothing to find."
    kinds = list(next(iter(reach["arms"].values()))["shares"])
    rows = [
        [
            arm,
            *(row["shares"][kind].format() for kind in kinds),
            "" if row["distance"] is None else row["distance"].format("{:.1f}"),
            f"{row['cost']['mean']:.1f}, {row['cost']['largest']:.0f}",
        ]
        for arm, row in reach["arms"].items()
    ]
    return _format_table(title, ["drawn from", *kinds, "candidates from it", "cost: mean, largest"], rows)


def _format_kept(kept: Figures) -> str:
    kinds = list(next(iter(kept.values())))
    rows = [[arm, *(columns[kind].format() for kind in kinds)] for arm, columns in kept.items()]
    return _format_table("Features that should not change: share that did not", ["drawn from", *kinds], rows)


def _format_sweeps(sweeps: Figures) -> str:
    if not sweeps["errors"]:
        return "No pair's sweep leads from B to A, so no pair has a best index."
    count = ", ".join(f"{number} of {kind}" for kind, number in sweeps["pairs"].items())
    header = ["index", *(f"from the best: {name}" for name in sweeps["best"])]
    rows = [[way, *(each.format("{:.1f}") for each in columns.values())] for way, columns in sweeps["errors"].items()]
    rows.append(["(average best index)", *(each.format("{:.1f}") for each in sweeps["best"].values())])
    return _format_table(f"Average distance from the best index, for pairs that have one ({count})", header, rows)


def _format_cost(cost: Mapping[str, float | None]) -> str:
    rows = [[f"{name}, s", f"{cost[name]:.2f}"] for name in ("load", "load again", "sample", "decode")]
    if cost["peak memory"] is not None:
        rows.append(["peak memory of the process, MB", f"{cost['peak memory'] / 1e6:.0f}"])
    title = "One clip on one core (float32; the first load includes importing diffusers and transformers)"
    return _format_table(title, ["", ""], rows)


def _format_rows(estimates: Mapping[str, IntervalEstimate], template: str = "{:.0%}") -> list[list[str]]:
    return [[name, estimate.format(template)] for name, estimate in estimates.items()]


def _format_table(title: str, header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    return f"## {title}\n\n{markdown_table(header, rows)}"


def write_report(folder: Path, found: Figures, strips: Sequence[Strip]) -> None:
    """Write figures.json, figures.md and a picture of each strip."""
    folder.mkdir(parents=True, exist_ok=True)
    content = json.dumps(found, indent=1, default=dataclasses.asdict)
    write_file(folder / "figures.json", content + "\n")
    write_file(folder / "figures.md", format_markdown(found))
    for strip in strips:
        strip.draw().save(folder / f"{strip.pair.name.replace(' + ', '-').replace(' ', '-')}.png")
