"""Search for the balance of two prompts, or of several one after another, with the drafts of any model."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import partial

from ...richspace_core import RichSpaceError, find_balance
from ...richspace_core.finder.candidates import parse_indices
from ...richspace_core.finder.choice import Choice
from .conditioning import Prompt
from .drafts import Drafter, Drafts
from .memory import Progress
from .mixing import A_AND_B, describe_mixture, mix_for_draft, mix_prompts


@dataclass(frozen=True)
class Search:
    """Settings of a search for the balance.

    Args:
        steps: Number of candidates.
        looks: Largest number of drafts in addition to those of the two prompts.
        share: Share of A that is wanted.
        index: Candidate picked by hand; 0 for the one that the search finds.
        first_look: Candidate to look at first; None for the middle one.
    """

    steps: int
    looks: int
    share: float = 0.5
    index: int = 0
    first_look: int | None = None


def balance_prompts(
    drafter: Drafter, a: Prompt, b: Prompt, search: Search, *, remarks: Iterable[str] = ()
) -> tuple[Prompt, Choice]:
    """Find the balance of two prompts, and return the mixture and the choice.

    Args:
        drafter: Maker of the drafts.
        a: First prompt.
        b: Second prompt.
        search: Settings of the search.
        remarks: Remarks to show with the choice.

    Raises:
        RichSpaceError: If the prompts cannot be mixed, or the drafts cannot be made or compared.
    """
    progress = Progress((2 + search.looks) * drafter.steps)
    return _balance(Drafts(drafter, search.steps, progress), a, b, search, A_AND_B, remarks)


def balance_chain(
    drafter: Drafter,
    prompts: Mapping[str, Prompt],
    shares: str,
    search: Search,
    *,
    indices: str = "",
    remarks: Iterable[str] = (),
) -> tuple[Prompt, list[Choice]]:
    """Mix one prompt after another into the first one, and return the mixture and each stage's choice.

    Args:
        drafter: Maker of the drafts.
        prompts: Prompts by the names of their inputs, at least two.
        shares: How much of each prompt should be seen, separated by commas; empty for equal shares.
        search: Settings of each stage's search; its share and index are not used.
        indices: Candidates picked by hand, one for each stage, separated by commas; 0 or nothing is automatic.
        remarks: Remarks to show with the first choice.

    Raises:
        RichSpaceError: If the shares or indices do not fit, or a stage has no balance; the error names the stage.
    """
    parts = read_shares(shares, len(prompts))
    (name, mixture), *others = prompts.items()
    picked = parse_indices(indices, len(others), search.steps)
    progress = Progress(len(others) * (2 + search.looks) * drafter.steps)
    choices: list[Choice] = []
    for stage, ((name_b, prompt), index) in enumerate(zip(others, picked, strict=True), start=1):
        wanted = replace(search, share=sum(parts[:stage]) / sum(parts[: stage + 1]), index=index)
        drafts = Drafts(drafter, search.steps, progress, before=(stage - 1) * (2 + search.looks))
        try:
            mixture, choice = _balance(drafts, mixture, prompt, wanted, (name, name_b), remarks)
        except RichSpaceError as error:
            raise error.renamed({"a": name, "b": name_b}).within(f"stage {stage}") from error
        choices.append(choice)
        name, remarks = "the mixture so far", ()
    return mixture, choices


def read_shares(text: str, count: int) -> list[float]:
    """Return how much of each prompt should be seen, as positive numbers.

    Args:
        text: Numbers separated by commas; empty for equal shares.
        count: Number of prompts.

    Raises:
        RichSpaceError: If it does not hold a positive number for each prompt.

    Example:
        >>> read_shares("2, 1, 1", 3), read_shares("", 2)
        ([2.0, 1.0, 1.0], [1.0, 1.0])
    """
    if not text.strip():
        return [1.0] * count
    parts = [_number(part) for part in text.split(",")]
    if len(parts) != count or not all(math.isfinite(part) and part > 0 for part in parts):
        raise RichSpaceError(
            "shares",
            expected=f"{count} numbers above 0, one for each prompt, separated by commas",
            got=repr(text),
            hint="Leave it empty for equal shares.",
        )
    return parts


def _number(text: str) -> float:
    try:
        return float(text.strip().removesuffix("%"))
    except ValueError:
        return math.nan


def _balance(
    drafts: Drafts, a: Prompt, b: Prompt, search: Search, names: tuple[str, str], remarks: Iterable[str]
) -> tuple[Prompt, Choice]:
    draft = partial(drafts.make, lambda index: mix_for_draft(a, b, index, search.steps))
    found = find_balance(
        draft, share=search.share, steps=search.steps, looks=search.looks, first_look=search.first_look
    )
    lost = describe_mixture(a, b, names=names)
    name_a, name_b = (prompt.text or name for prompt, name in zip((a, b), names, strict=True))
    choice = found.choice(
        index=search.index or None,
        pictures=drafts.pictures,
        remarks=[*filter(None, (f"{drafts.cost}: {found.share_seen:.0%} of A seen", *lost, *remarks))],
        name_a=name_a,
        name_b=name_b,
    )
    return mix_prompts(a, b, choice.index, search.steps), choice
