"""`dev.py cancels --count N`: cancel runs at random moments in every node that samples, and in every decoder.

A monitor inside ComfyUI sees how many calls of the denoiser begin after the cancel. After each cancel the same workflow
runs to its end, small, and must have the result that it had before the first cancel.
"""

from __future__ import annotations

import argparse
import functools
import json
import random
import sys
import tempfile
import time
from collections import Counter
from dataclasses import asdict, dataclass
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from comfyui.prompts import change, node
from comfyui.server import ComfyServer
from environment.checkout import ARTIFACTS, ROOT, link_folder
from environment.programs import Progress, ToolError, run_to_the_end

from reliability.small_runs import made_small, prepare, result_of, with_digests

if TYPE_CHECKING:
    from collections.abc import Callable

    from comfyui.events import Event, HostEvents
    from comfyui.prompts import Prompt

MONITOR = Path(__file__).parent / "cancel_monitor"
PATIENCE_SECONDS = 240.0
TRIES = 8  # for one cancel: a run may end before the random moment has come
ONE_STEP = 2  # calls of the denoiser that a step makes at most: with and without the prompt

# What makes a node last.
LONGER: dict[str, dict[str, Any]] = {
    "RichSpaceCogVideoXSample": {"steps": 400},
    "KSampler": {"steps": 400},
    "RichSpaceCogVideoXBalance": {"draft_steps": 8, "looks": 30, "steps": 60, "share": 0.37},
    "RichSpaceBalance": {"draft_steps": 8, "looks": 30, "steps": 60, "share": 0.37},
    "RichSpaceCogVideoXChainedBalance": {"draft_steps": 8, "looks": 30, "steps": 60},
    "RichSpaceChainedBalance": {"draft_steps": 8, "looks": 30, "steps": 60},
}
# Files that are decoded, by the size that makes it last.
LARGER: dict[str, dict[str, Any]] = {
    "RichSpaceCogVideoXSample": {"frames": 9, "height": 64, "width": 96, "batch_size": 8},
    "RichSpaceEmptyCogVideoXLatent": {"frames": 49, "height": 64, "width": 96},
    "EmptyHunyuanLatentVideo": {"length": 49, "height": 64, "width": 96},
}


@dataclass(frozen=True)
class Place:
    """A node of a workflow in which runs are cancelled.

    Attributes:
        workflow: Name of the workflow.
        kind: Class of the node.
    """

    workflow: str
    kind: str

    @property
    def name(self) -> str:
        """Name in reports."""
        return f"{self.kind} in {self.workflow}"


PLACES = (
    Place("Mix two prompts (demo)", "RichSpaceCogVideoXSample"),
    Place("Mix two prompts (CogVideoX)", "RichSpaceCogVideoXSample"),
    Place("Compare mixtures (demo)", "RichSpaceCogVideoXSample"),
    Place("Mix in KSampler (demo)", "KSampler"),
    Place("Morph (demo)", "KSampler"),
    Place("Morph (Wan)", "KSampler"),
    Place("Mix two prompts (Wan)", "KSampler"),
    Place("Mix two prompts (SDXL)", "KSampler"),
    Place("Mix two prompts (CogVideoX)", "RichSpaceCogVideoXBalance"),
    Place("Mix in KSampler (demo)", "RichSpaceBalance"),
    Place("Mix two prompts (Wan)", "RichSpaceBalance"),
    Place("Mix two prompts (SDXL)", "RichSpaceBalance"),
    Place("Mix three prompts (CogVideoX)", "RichSpaceCogVideoXChainedBalance"),
    Place("chained on the host's model", "RichSpaceChainedBalance"),
    Place("Mix two prompts (demo)", "RichSpaceCogVideoXDecode"),
    Place("Morph (demo)", "VAEDecode"),
)


@dataclass
class Cancel:
    """A cancel that met its node.

    Attributes:
        place: Name of the place.
        way: Request that cancelled.
        waited: Seconds from the node's start to the request.
        begun: Calls of the denoiser before the cancel.
        begun_after: Calls that began after it.
        seconds: From the moment that ComfyUI noted it to the end of the run.
        call_seconds: Seconds that a call of the denoiser took.
        next_is_right: Whether the next run had its result.
    """

    place: str
    way: str
    waited: float
    begun: int
    begun_after: int
    seconds: float
    call_seconds: float
    next_is_right: bool = False

    @property
    def within_a_step(self) -> bool:
        """Whether no call of another step began."""
        return self.begun_after < ONE_STEP


class Canceller:
    """Cancels on one server.

    Args:
        server: Server with the models and monitors of `prepare_cancels`.
        events: Its websocket.
        seed: Seed of the moments.
    """

    def __init__(self, server: ComfyServer, events: HostEvents, seed: int) -> None:
        self.server = server
        self.events = events
        self.missed = 0
        self._random = random.Random(seed)
        self._numbers = count(1)
        self._reach: dict[Place, float] = {}  # seconds within which the moment is drawn
        self._right: dict[str, Any] = {}

    def cancel(self, place: Place) -> Cancel:
        """Cancel a run in a node, and run the workflow to its end."""
        self._check(place)
        for _ in range(TRIES):
            if found := self._try(place):
                found.next_is_right = self._check(place)
                return found
            self.missed += 1
        raise ToolError(f"{place.name} ended before it was cancelled, {TRIES} times.")

    def _check(self, place: Place) -> bool:
        """Run the workflow, small; return whether its result is that of the first time."""
        prompt = self._again(with_digests(made_small(workflow(place.workflow))))
        result = result_of(self.server.run(prompt, timeout=PATIENCE_SECONDS))
        return bool(result == self._right.setdefault(place.workflow, result))

    def _again(self, prompt: Prompt) -> Prompt:
        """Return the prompt so that everything that depends on what to avoid is computed again."""
        link = next(each["inputs"]["negative"] for each in prompt.values() if "negative" in each["inputs"])
        again = node("ReliabilityAgain", value=link, number=next(self._numbers))
        for name, each in list(prompt.items()):
            if each["inputs"].get("negative") == link:
                prompt = change(prompt, name, negative=["again", 0])
        return {**prompt, "again": again}

    def _try(self, place: Place) -> Cancel | None:
        prompt = self._again(lasting(place))
        wanted = {name for name, each in prompt.items() if each["class_type"] == place.kind}
        if place.kind.endswith("Balance"):  # drafts from another noise, since those of an earlier try are kept
            prompt = functools.reduce(lambda made, name: change(made, name, seed=next(self._numbers)), wanted, prompt)
        self.server.get("/reliability/cancel")
        prompt_id = self.server.queue(prompt, client_id=self.events.client_id)
        way, waited = self._random.choice([*WAYS]), 0.0
        events = self.events.until_done(prompt_id, PATIENCE_SECONDS)
        for event in events:
            if _starts(event, wanted):
                waited = self._random.uniform(0, self._reach.setdefault(place, 0.6))
                time.sleep(waited)
                WAYS[way](self.server, prompt_id)
                wanted = set()
        entry = self.server.wait(prompt_id, PATIENCE_SECONDS)
        messages, seen = dict(entry["status"]["messages"]), self.server.get("/reliability/cancel")
        met = messages.get("execution_interrupted", {})
        if met.get("node_type") != place.kind:
            if not met and not entry["status"]["completed"]:
                raise ToolError(f"{place.name} failed: {json.dumps(messages)[:2000]}")
            self._reach[place] *= 0.7
            return None
        self._reach[place] = min(1.15 * self._reach[place], 4.0)
        return Cancel(
            place.name,
            way,
            round(waited, 3),
            seen["begun"] - seen["begun_after_cancel"],
            seen["begun_after_cancel"],
            round(max(0.0, met["timestamp"] - seen["cancelled_at"]) / 1000, 3),
            round(seen["seconds"] / max(1, seen["ended"]), 4),
        )


WAYS: dict[str, Callable[[ComfyServer, str], object]] = {
    "interrupt": lambda server, _: server.interrupt(),
    "interrupt one run": lambda server, prompt_id: server.request("/interrupt", {"prompt_id": prompt_id}),
    "cancel a run": lambda server, prompt_id: server.request(f"/api/jobs/{prompt_id}/cancel", {}),
}


def _starts(event: Event, wanted: set[str]) -> bool:
    return event.type == "executing" and event.data["node"] in wanted


def workflow(name: str) -> Prompt:
    """Return a workflow in API format; one of them is made here, since no file has its node."""
    if name == "chained on the host's model":
        return _chained_on_the_host()
    found: Prompt = json.loads((ROOT / "workflows" / "api" / f"{name}.json").read_text(encoding="utf-8"))
    return found


def _chained_on_the_host() -> Prompt:
    prompt = workflow("Mix in KSampler (demo)")
    (balance,) = (name for name, each in prompt.items() if each["class_type"] == "RichSpaceBalance")
    given = prompt[balance]["inputs"]
    kept = ("steps", "looks", "draft_steps", "seed", "cfg", "sampler_name", "scheduler", "model", "negative", "latent")
    third = change(prompt, given["a"][0], text="a yellow star moves right")[given["a"][0]]
    prompts = {"prompts.prompt_1": given["a"], "prompts.prompt_2": given["b"], "prompts.prompt_3": ["third", 0]}
    chained = node("RichSpaceChainedBalance", **{key: given[key] for key in kept}, **prompts, shares="")
    return {**prompt, "third": third, balance: chained}


def lasting(place: Place) -> Prompt:
    """Return a workflow, small, but with a node that lasts."""
    prompt = made_small(workflow(place.workflow))
    changes = LARGER if place.kind in ("RichSpaceCogVideoXDecode", "VAEDecode") else {place.kind: LONGER[place.kind]}
    for name, each in list(prompt.items()):
        prompt = change(prompt, name, **changes.get(each["class_type"], {}))
    return prompt


def prepare_cancels(base: Path) -> None:
    """Write the models and the monitors below a base directory. Call it before ComfyUI starts."""
    prepare(base)
    link_folder(base / "custom_nodes" / MONITOR.name, MONITOR)


def cancels(total: int, seed: int, folder: Path) -> dict[str, Any]:
    """Cancel so often, each place in turn, and write the record into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    progress, done = Progress(f"{total} cancels"), list[Cancel]()
    with tempfile.TemporaryDirectory() as place:
        prepare_cancels(Path(place))
        with ComfyServer(Path(place), log=folder / "cancels.log") as server, server.listen() as events:
            canceller = Canceller(server, events, seed)
            for number in range(total):
                done.append(canceller.cancel(PLACES[number % len(PLACES)]))
                outcome = report(done, canceller.missed)
                (folder / "cancels.json").write_text(json.dumps(outcome, indent=1) + "\n", encoding="utf-8")
                progress.show(
                    f"{len(done)}: {outcome['within_a_step']} within a step, {outcome['next_right']} right after"
                )
    progress.end(f"{outcome['within_a_step']} of {total} within a step, {outcome['next_right']} next runs right")
    return outcome


def report(done: list[Cancel], missed: int) -> dict[str, Any]:
    """Return the record as JSON."""
    seconds = sorted(each.seconds for each in done)
    return {
        "cancels": len(done),
        "within_a_step": sum(each.within_a_step for each in done),
        "next_right": sum(each.next_is_right for each in done),
        "begun_after": dict(Counter(each.begun_after for each in done)),
        "ended_before_the_moment": missed,
        "median_seconds": seconds[len(seconds) // 2],
        "longest_seconds": seconds[-1],
        "places": dict(Counter(each.place for each in done)),
        "each": [asdict(each) for each in done],
    }


def main() -> None:
    """Read the command line and run."""
    parser = argparse.ArgumentParser(description="Cancel runs at random moments in every node that samples.")
    parser.add_argument("--count", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--folder", type=Path, default=ARTIFACTS / "cancels", help="where the record goes")
    given = parser.parse_args()
    outcome = cancels(given.count, given.seed, given.folder.resolve())
    shown = {key: value for key, value in outcome.items() if key != "each"}
    sys.stdout.write(json.dumps(shown, indent=1) + "\n")
    if min(outcome["within_a_step"], outcome["next_right"]) < given.count:
        raise ToolError("Some cancels were late, or the run after one was wrong.")


if __name__ == "__main__":
    sys.exit(run_to_the_end(main))
