"""Records of what each clip shows, and the figures that summarize them.

Each clip is measured once, when it is drawn, and only a small record is kept. All figures are computed from these
records. To add a measure of a clip, such as subject consistency, add a field to `PairRecord` and a column to
`summarize_mixtures`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, TypeAlias

import numpy as np

from .estimates import IntervalEstimate, estimate_mean, estimate_share, find_nearest_to_middle, find_turning_point
from .pairs import (
    AVERAGED,
    CANDIDATES,
    GUIDE,
    KINDS,
    MIDDLE,
    ONLY_A,
    ONLY_B,
    SLERP,
    STEPS,
    Mixed,
    Pair,
    Source,
    import_demo_script,
    world,
)
from .searches import FIRST_STEP, LONG, SECOND_STEP, Found, Search

measuring = import_demo_script("measure")
RENDERS = 3  # clips for the prototype of each feature in a pair
_PROTOTYPES = 2  # random number stream; `pairs` uses 0 and 1

ONE, BOTH, CENTER, DIRECT = "finder, one guide", "finder, both word orders", "middle candidate", "guide prompt itself"
CONTROLS = ("A's prompt alone", "B's prompt alone")
HALF, ARC = "averaged predictions, half each", "slerp, half each"
RANDOM, ANY = "random candidate, expected", "any of the candidates"
#: The searches that are compared with the rest.
QUICK, SECOND, PRECISE, CHECKED = (
    Search(CANDIDATES, FIRST_STEP, 3),
    Search(CANDIDATES, SECOND_STEP, 3, crossing=True),
    Search(CANDIDATES, LONG, 3),
    Search(CANDIDATES, LONG, 3, checked=True),
)
COMPARED = (
    *((ONE, DIRECT), (BOTH, DIRECT), (ONE, CENTER), (BOTH, CENTER), (BOTH, ONE)),
    *((QUICK.arm, CENTER), (SECOND.arm, CENTER), (PRECISE.arm, CENTER), (CHECKED.arm, CENTER), (QUICK.arm, BOTH)),
    *((SECOND.arm, QUICK.arm), (PRECISE.arm, QUICK.arm), (CHECKED.arm, QUICK.arm), (HALF, QUICK.arm)),
)

Figures: TypeAlias = dict[str, Any]


@dataclass(frozen=True)
class ChosenIndices:
    """The indices that the finders chose for a pair.

    Args:
        a_first: The index of the paper's finder with the guide that names A first.
        b_first: Its index with the guide that names B first.
        both: Its index with both guides.
        searches: What the balance finder found, by the way to search.
    """

    a_first: int
    b_first: int
    both: int
    searches: Mapping[Search, Found] = field(default_factory=dict)

    @property
    def arms(self) -> dict[str, Source]:
        """The source of each arm's clips."""
        found = {search.arm: search.make_source(found.index) for search, found in self.searches.items()}
        drawn: tuple[Source, ...] = (MIDDLE, GUIDE, Mixed(AVERAGED, MIDDLE), Mixed(SLERP, MIDDLE), ONLY_A, ONLY_B)
        rest = dict(zip((CENTER, DIRECT, HALF, ARC, *CONTROLS), drawn, strict=True))
        return {ONE: self.a_first, BOTH: self.both, **found, **rest}


@dataclass(frozen=True)
class PairRecord:
    """Measured features of one clip of a pair.

    Args:
        t: The coordinate from A (0) to B (1), or None if it could not be measured.
        off: The distance from the line through A and B, or None if it could not be measured.
        both: True if both features are present.
        kept: For each other kind of feature that the prompts state, true if the clip shows the scene's.
    """

    t: float | None
    off: float | None
    both: bool
    kept: Mapping[str, bool]

    @property
    def is_clean(self) -> bool:
        """True if both features are present and all others are the scene's."""
        return self.both and all(self.kept.values())


#: The records of one pair by source and repetition.
PairRecords: TypeAlias = dict[tuple[Source, int], PairRecord]


def check_single(clip: np.ndarray, scene: Any) -> dict[str, bool]:
    """Check for each kind of feature if a clip shows the scene's."""
    names = measuring.make_prototypes().name_features(measuring.measure_clip(clip))
    return {kind: names[kind] == getattr(scene, kind) for kind in measuring.KINDS}


def measure_prototypes(
    pairs: Sequence[Pair], seed: int, reconstruct: Callable[[Sequence[Any]], Iterable[Any]]
) -> list[Any]:
    """Measure the prototypes of each pair's two features on rendered clips of its scene, after the autoencoder.

    Pairs of hues get the world's prototypes, because a hue is located without any.
    """
    random = np.random.default_rng([seed, _PROTOTYPES])
    scenes = [scene for pair in pairs if pair.kind != "hue" for scene in pair.scenes * RENDERS]
    clips = reconstruct([world.render(scene, random) for scene in scenes])
    shown = list(zip(scenes, clips, strict=True))
    each = 2 * RENDERS
    measured = iter([measuring.Prototypes.from_clips(shown[n : n + each]) for n in range(0, len(shown), each)])
    return [measuring.make_prototypes() if pair.kind == "hue" else next(measured) for pair in pairs]


def measure_pair(clip: np.ndarray, pair: Pair, prototypes: Any) -> PairRecord:
    """Locate a clip between a pair's features, and check if its other features are the scene's."""
    measurement = measuring.measure_clip(clip)
    coordinate = prototypes.locate(measurement, pair.kind, pair.a, pair.b)
    names = measuring.make_prototypes().name_features(measurement)
    kept = {kind: names[kind] == getattr(pair.scene, kind) for kind in pair.stated}
    if coordinate is None:
        return PairRecord(None, None, False, kept)
    return PairRecord(coordinate.t, coordinate.distance, coordinate.has_both, kept)


def summarize_singles(records: Sequence[Mapping[str, bool]]) -> Figures:
    """Estimate the share of the single prompts' clips that show the right feature, for each kind and for all four."""
    rows = {kind: estimate_share([[record[kind]] for record in records]) for kind in measuring.KINDS}
    return rows | {"all four": estimate_share([[all(record.values())] for record in records])}


def summarize_mixtures(
    pairs: Sequence[Pair], records: Sequence[PairRecords], choices: Sequence[ChosenIndices]
) -> Figures:
    """Estimate each arm's share of clips with both features, by kind of pair, in total, and with the rest kept."""
    rows: Figures = {}
    for arm in choices[0].arms:
        clips = [select_clips(found, choice.arms[arm]) for found, choice in zip(records, choices, strict=True)]
        rows[arm] = _estimate_columns(pairs, clips, estimate_share)
    swept = [list(select_sweep(found).values()) for found in records]
    rows[RANDOM] = _estimate_columns(pairs, swept, lambda groups: estimate_mean([np.mean(group) for group in groups]))
    rows[ANY] = _estimate_columns(pairs, swept, lambda groups: estimate_share([[any(group)] for group in groups]))
    del rows[ANY]["rest kept"]  # always true, because one candidate equals A
    return rows


def _estimate_columns(
    pairs: Sequence[Pair],
    clips: Sequence[Sequence[PairRecord]],
    estimate: Callable[[list[list[bool]]], IntervalEstimate],
) -> dict[str, IntervalEstimate]:
    columns = {
        kind: estimate(
            [[clip.both for clip in group] for pair, group in zip(pairs, clips, strict=True) if pair.kind == kind]
        )
        for kind in KINDS
    }
    columns["all"] = estimate([[clip.both for clip in group] for group in clips])
    columns["all, rest kept"] = estimate([[clip.is_clean for clip in group] for group in clips])
    columns["rest kept"] = estimate([[all(clip.kept.values()) for clip in group] for group in clips])
    return columns


def summarize_kept(records: Sequence[PairRecords], choices: Sequence[ChosenIndices]) -> Figures:
    """Estimate the share of clips that show the scene's feature, for each arm and kind.

    Only pairs of the other kinds count.
    """
    rows: Figures = {}
    for arm in choices[0].arms:
        clips = [select_clips(found, choice.arms[arm]) for found, choice in zip(records, choices, strict=True)]
        stated = [kind for kind in measuring.KINDS if any(kind in group[0].kept for group in clips)]
        rows[arm] = {
            kind: estimate_share([[clip.kept[kind] for clip in group] for group in clips if kind in group[0].kept])
            for kind in stated
        }
    return rows


def compare_arms(records: Sequence[PairRecords], choices: Sequence[ChosenIndices]) -> Figures:
    """Estimate the mean difference between two arms' shares of clips with both features, for the arms in `COMPARED`."""

    def compute_shares(arm: str) -> np.ndarray:
        return np.array(
            [
                np.mean([clip.both for clip in select_clips(found, choice.arms[arm])])
                for found, choice in zip(records, choices, strict=True)
            ]
        )

    return {f"{arm} - {other}": estimate_mean(compute_shares(arm) - compute_shares(other)) for arm, other in COMPARED}


def summarize_sweeps(
    pairs: Sequence[Pair], records: Sequence[PairRecords], choices: Sequence[ChosenIndices]
) -> Figures:
    """Estimate how far each way of choosing an index is from the measured best index, for both definitions of the best.

    Only pairs whose sweep leads from B to A have a best index. They are the ones with a turning point.
    """
    best: dict[str, list[float]] = {"turning point": [], "nearest to 0.5": []}
    usable: list[ChosenIndices] = []
    count = dict.fromkeys(KINDS, 0)
    for pair, found, choice in zip(pairs, records, choices, strict=True):
        turning, nearest = find_best_indices(found)
        if turning is not None and nearest is not None:
            usable.append(choice)
            count[pair.kind] += 1
            best["turning point"].append(turning)
            best["nearest to 0.5"].append(nearest)
    ways = {
        ONE: [[choice.a_first] for choice in usable],
        BOTH: [[choice.both] for choice in usable],
        **{
            search.arm: [[choice.searches[search].index] for choice in usable]
            for search in choices[0].searches
            if search.way == CANDIDATES
        },
        f"always {MIDDLE}": [[MIDDLE] for _ in usable],
        "random, expected": [range(1, STEPS + 1) for _ in usable],
    }
    errors = {
        way: {name: _estimate_error(indices, best[name]) for name in best} for way, indices in ways.items() if usable
    }
    return {"pairs": count, "best": {name: estimate_mean(best[name]) for name in best if usable}, "errors": errors}


def find_best_indices(found: PairRecords) -> tuple[float | None, float | None]:
    """Find a sweep's turning point and its index nearest to 0.5; both are None if too few clips could be measured."""
    sweep = select_sweep(found)
    measured = {index: record.t for index, record in sweep.items() if record.t is not None}
    if 3 * len(measured) < 2 * len(sweep):
        return None, None
    indices, coordinates = list(measured), list(measured.values())
    turning = find_turning_point(indices, coordinates, measuring.MIXTURE_RANGE)
    return turning, find_nearest_to_middle(indices, coordinates)


def average_indices(choices: Sequence[ChosenIndices]) -> Figures:
    """Estimate the finder's mean index for each word order of the guide."""
    return {
        "A named first": estimate_mean([choice.a_first for choice in choices]),
        "B named first": estimate_mean([choice.b_first for choice in choices]),
        "both orders": estimate_mean([choice.both for choice in choices]),
    }


def list_clips(
    pairs: Sequence[Pair], records: Sequence[PairRecords], choices: Sequence[ChosenIndices]
) -> list[Figures]:
    """List all pairs with their prompts, indices and clips, for a closer look."""
    return [
        {
            "pair": pair.name,
            "prompts": [*pair.prompts, *pair.guides],
            "finder": {"a_first": choice.a_first, "b_first": choice.b_first, "both": choice.both},
            "balance": {search.arm: asdict(found) for search, found in choice.searches.items()},
            "best": dict(zip(("turning point", "nearest to 0.5"), find_best_indices(found), strict=True)),
            "clips": [
                {"source": source, "repetition": number, **asdict(record)} for (source, number), record in found.items()
            ],
        }
        for pair, found, choice in zip(pairs, records, choices, strict=True)
    ]


def select_clips(found: PairRecords, wanted: Source) -> list[PairRecord]:
    """Return the clips of a source, one for each repetition."""
    return [record for (source, _), record in found.items() if source == wanted]


def select_sweep(found: PairRecords) -> dict[int, PairRecord]:
    """Return the candidates of the first repetition, in ascending order."""
    drawn = {source: record for (source, number), record in found.items() if isinstance(source, int) and number == 0}
    return {index: drawn[index] for index in sorted(drawn)}


def _estimate_error(chosen: Sequence[Sequence[int]], best: Sequence[float]) -> IntervalEstimate:
    """Estimate the mean distance between chosen and best index over the pairs."""
    return estimate_mean(
        [float(np.mean(np.abs(np.asarray(each) - one))) for each, one in zip(chosen, best, strict=True)]
    )
