"""From clips to figures: what each clip of the finder's evaluation shows, and what all of them say.

A clip is looked at once, when it is drawn, and leaves a small record; every figure follows from the records. Another
measure of a clip (subject consistency, say) is another field of its record and another column of `mixtures`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, TypeAlias

import numpy as np

from .pairs import GUIDE, KINDS, MIDDLE, ONLY_A, ONLY_B, STEPS, Pair, Source, import_demo_script, world
from .statistics import Estimate, mean, nearest_to_middle, share, turning_point

measuring = import_demo_script("measure")
RENDERS = 3  # of each of a pair's features, for its prototype
_ENDS = 2  # a stream of random numbers beside those of `pairs`

ONE, BOTH, CENTRE, DIRECT = "finder, one guide", "finder, both word orders", "middle candidate", "guide prompt itself"
CONTROLS = ("A's prompt alone", "B's prompt alone")
RANDOM, ANY = "random candidate, expected", "any of the candidates"
COMPARED = ((ONE, DIRECT), (BOTH, DIRECT), (ONE, CENTRE), (BOTH, CENTRE), (BOTH, ONE))

Figures: TypeAlias = dict[str, Any]


@dataclass(frozen=True)
class Choice:
    """What the finder chose for a pair.

    Args:
        a_first: The index with the guide that names A first.
        b_first: The index with the guide that names B first.
        both: The index with both guides.
    """

    a_first: int
    b_first: int
    both: int

    @property
    def arms(self) -> dict[str, Source]:
        """What each arm draws."""
        drawn: tuple[Source, ...] = (self.a_first, self.both, MIDDLE, GUIDE, ONLY_A, ONLY_B)
        return dict(zip((ONE, BOTH, CENTRE, DIRECT, *CONTROLS), drawn, strict=True))


@dataclass(frozen=True)
class PairRecord:
    """What one clip of a pair shows.

    Args:
        t: Its coordinate from A (0) to B (1), or None if that cannot be told.
        off: Its distance from the line between them, likewise.
        both: Whether both features are there.
        kept: Whether every other kind of feature is still the scene's.
    """

    t: float | None
    off: float | None
    both: bool
    kept: Mapping[str, bool]

    @property
    def clean(self) -> bool:
        """Whether both features are there and all others are the scene's."""
        return self.both and all(self.kept.values())


#: Of one pair: by what the clip was drawn from and by repetition.
PairRecords: TypeAlias = dict[tuple[Source, int], PairRecord]


def look_at_single(clip: np.ndarray, scene: Any) -> dict[str, bool]:
    """Which kinds of feature a clip shows as its scene says."""
    names = measuring.make_prototypes().name_features(measuring.measure_clip(clip))
    return {kind: names[kind] == getattr(scene, kind) for kind in measuring.KINDS}


def find_ends(pairs: Sequence[Pair], seed: int, rebuild: Callable[[Sequence[Any]], Iterable[Any]]) -> list[Any]:
    """The prototypes of each pair's two features: of rendered clips of its own scene, after the model's autoencoder.

    Hues need none.
    """
    random = np.random.default_rng([seed, _ENDS])
    scenes = [scene for pair in pairs if pair.kind != "hue" for scene in pair.scenes * RENDERS]
    rebuilt = iter(rebuild([world.render(scene, random) for scene in scenes]))
    shown = [(scene, clip) for scene, clip in zip(scenes, rebuilt, strict=True)]
    each = 2 * RENDERS
    measured = iter([measuring.Prototypes.from_clips(shown[n : n + each]) for n in range(0, len(shown), each)])
    return [measuring.make_prototypes() if pair.kind == "hue" else next(measured) for pair in pairs]


def look_at_pair(clip: np.ndarray, pair: Pair, ends: Any) -> PairRecord:
    """What a clip shows between a pair's ends, and whether the rest is still the scene's."""
    found = measuring.measure_clip(clip)
    place = ends.locate(found, pair.kind, pair.a, pair.b)
    names = measuring.make_prototypes().name_features(found)
    kept = {kind: names[kind] == getattr(pair.scene, kind) for kind in measuring.KINDS if kind != pair.kind}
    if place is None:
        return PairRecord(None, None, False, kept)
    return PairRecord(place.t, place.distance, place.has_both, kept)


def singles(records: Sequence[Mapping[str, bool]]) -> Figures:
    """Shares of the single prompts' clips that show what they should."""
    rows = {kind: share([[record[kind]] for record in records]) for kind in measuring.KINDS}
    return rows | {"all four": share([[all(record.values())] for record in records])}


def mixtures(pairs: Sequence[Pair], records: Sequence[PairRecords], choices: Sequence[Choice]) -> Figures:
    """For each arm the share of clips with both features, by kind of pair and in all, and that kept the rest."""
    rows: Figures = {}
    for arm in choices[0].arms:
        clips = [_clips_of(found, choice.arms[arm]) for found, choice in zip(records, choices, strict=True)]
        rows[arm] = _columns(pairs, clips, share)
    swept = [list(_sweep(found).values()) for found in records]
    rows[RANDOM] = _columns(pairs, swept, lambda groups: mean([np.mean(group) for group in groups]))
    rows[ANY] = _columns(pairs, swept, lambda groups: share([[any(group)] for group in groups]))
    del rows[ANY]["rest kept"]  # some candidate is always like A
    return rows


def _columns(
    pairs: Sequence[Pair], clips: Sequence[Sequence[PairRecord]], estimate: Callable[[list[list[bool]]], Estimate]
) -> dict[str, Estimate]:
    columns = {
        kind: estimate(
            [[clip.both for clip in group] for pair, group in zip(pairs, clips, strict=True) if pair.kind == kind]
        )
        for kind in KINDS
    }
    columns["all"] = estimate([[clip.both for clip in group] for group in clips])
    columns["all, rest kept"] = estimate([[clip.clean for clip in group] for group in clips])
    columns["rest kept"] = estimate([[all(clip.kept.values()) for clip in group] for group in clips])
    return columns


def kept(records: Sequence[PairRecords], choices: Sequence[Choice]) -> Figures:
    """For each arm and kind of feature the share of clips, of pairs of the other kinds, that still show the scene's."""
    rows: Figures = {}
    for arm in choices[0].arms:
        clips = [_clips_of(found, choice.arms[arm]) for found, choice in zip(records, choices, strict=True)]
        rows[arm] = {
            kind: share([[clip.kept[kind] for clip in group] for group in clips if kind in group[0].kept])
            for kind in measuring.KINDS
        }
    return rows


def differences(records: Sequence[PairRecords], choices: Sequence[Choice]) -> Figures:
    """Mean over the pairs of one arm's share of clips with both features less another's, for the arms in `COMPARED`."""

    def shares(arm: str) -> np.ndarray:
        return np.array(
            [
                np.mean([clip.both for clip in _clips_of(found, choice.arms[arm])])
                for found, choice in zip(records, choices, strict=True)
            ]
        )

    return {f"{arm} - {other}": mean(shares(arm) - shares(other)) for arm, other in COMPARED}


def sweeps(pairs: Sequence[Pair], records: Sequence[PairRecords], choices: Sequence[Choice]) -> Figures:
    """How far from the best index, by measurement, each way to choose one is: for each definition of the best.

    Only pairs whose sweep really leads from B to A have a best index (those with a turning point).
    """
    best: dict[str, list[float]] = {"turning point": [], "nearest to 0.5": []}
    usable: list[Choice] = []
    count = dict.fromkeys(KINDS, 0)
    for pair, found, choice in zip(pairs, records, choices, strict=True):
        turning, nearest = best_indices(found)
        if turning is not None and nearest is not None:
            usable.append(choice)
            count[pair.kind] += 1
            best["turning point"].append(turning)
            best["nearest to 0.5"].append(nearest)
    ways = {
        ONE: [[choice.a_first] for choice in usable],
        BOTH: [[choice.both] for choice in usable],
        f"always {MIDDLE}": [[MIDDLE] for _ in usable],
        "random, expected": [range(1, STEPS + 1) for _ in usable],
    }
    errors = {way: {name: _error(indices, best[name]) for name in best} for way, indices in ways.items() if usable}
    return {"pairs": count, "best": {name: mean(best[name]) for name in best if usable}, "errors": errors}


def best_indices(found: PairRecords) -> tuple[float | None, float | None]:
    """A sweep's turning point and the index nearest to 0.5; None where too few of its clips show anything."""
    sweep = _sweep(found)
    told = {index: record.t for index, record in sweep.items() if record.t is not None}
    if 3 * len(told) < 2 * len(sweep):
        return None, None
    indices, coordinates = list(told), list(told.values())
    return turning_point(indices, coordinates, measuring.MIXTURE_RANGE), nearest_to_middle(indices, coordinates)


def indices(choices: Sequence[Choice]) -> Figures:
    """Mean index of the finder by the word order of its guide."""
    return {
        "A named first": mean([choice.a_first for choice in choices]),
        "B named first": mean([choice.b_first for choice in choices]),
        "both orders": mean([choice.both for choice in choices]),
    }


def raw(pairs: Sequence[Pair], records: Sequence[PairRecords], choices: Sequence[Choice]) -> list[Figures]:
    """Everything about every pair, for whoever wants to look closer."""
    return [
        {
            "pair": pair.name,
            "prompts": [*pair.prompts, *pair.guides],
            "finder": asdict(choice),
            "best": dict(zip(("turning point", "nearest to 0.5"), best_indices(found), strict=True)),
            "clips": [
                {"source": source, "repetition": number, **asdict(record)} for (source, number), record in found.items()
            ],
        }
        for pair, found, choice in zip(pairs, records, choices, strict=True)
    ]


def _clips_of(found: PairRecords, wanted: Source) -> list[PairRecord]:
    return [record for (source, _), record in found.items() if source == wanted]


def _sweep(found: PairRecords) -> dict[int, PairRecord]:
    """The candidates of the first repetition, by rising index."""
    drawn = {source: record for (source, number), record in found.items() if isinstance(source, int) and number == 0}
    return {index: drawn[index] for index in sorted(drawn)}


def _error(chosen: Sequence[Sequence[int]], best: Sequence[float]) -> Estimate:
    """Mean distance between chosen and best index, bootstrapped over the pairs."""
    return mean([float(np.mean(np.abs(np.asarray(each) - one))) for each, one in zip(chosen, best, strict=True)])
