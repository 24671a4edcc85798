"""Who renders the clips: this process, or the workers of a Ray cluster."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol

from ..errors import RichSpaceError
from .clips import ClipJob, ClipName, RenderedClip
from .cluster import connect
from .rendering import ClipRenderer, RenderSettings

_ATTEMPTS = 4  # at one clip, when worker after worker dies of it
_POLL_SECONDS = 2.0  # between looks at whether the cluster has grown


class Runner(Protocol):
    """Renders clips in any order and hands each over when it is done."""

    def run(self, jobs: Sequence[ClipJob], settings: RenderSettings) -> Iterator[tuple[ClipJob, RenderedClip]]:
        """Render every job once."""
        ...


class InProcess:
    """One clip after the other, here."""

    def run(self, jobs: Sequence[ClipJob], settings: RenderSettings) -> Iterator[tuple[ClipJob, RenderedClip]]:
        """Render every job once."""
        worker = ClipWorker(settings)
        for job in jobs:
            yield job, worker.render(job)


class OnRay:
    """One worker for each GPU of a Ray cluster (for each CPU where there is none).

    Workers are hired as the cluster has room for them, so machines may join while it runs. A worker that dies loses the
    clip in its hands, which goes to another one. Clips come back as bytes: only the models' folders must lie at the
    same place on every machine.

    Args:
        address: Of the cluster, or "auto" for the one that this machine belongs to.

    Raises:
        RichSpaceError: If Ray is not installed, or there is no such cluster.
    """

    def __init__(self, address: str) -> None:
        try:
            import ray
        except ImportError as error:
            raise RichSpaceError(
                "ray", expected="the package ray", got="none", hint='Install it: pip install ".[cluster]"'
            ) from error
        # The workers get this very code, wherever they are.
        connect(ray, address, runtime_env={"py_modules": [str(Path(__file__).parents[1])]})
        self._ray = ray
        self._unit = "GPU" if ray.cluster_resources().get("GPU") else "CPU"
        self._worker = ray.remote(**{f"num_{self._unit.lower()}s": 1})(ClipWorker)

    def run(self, jobs: Sequence[ClipJob], settings: RenderSettings) -> Iterator[tuple[ClipJob, RenderedClip]]:
        """Render every job once, each worker one at a time."""
        waiting, deaths = deque(jobs), Counter[ClipName | None]()
        hired: dict[Any, tuple[Any, ClipJob | None]] = {}  # a worker, its clip once it has begun
        while waiting or any(job for _, job in hired.values()):
            beginning = sum(job is None for _, job in hired.values())
            for _ in range(min(self._capacity() - len(hired), len(waiting) - beginning)):
                worker = self._worker.remote(settings)
                hired[worker.begin.remote()] = worker, None
            done, _ = self._ray.wait(list(hired), timeout=_POLL_SECONDS)
            for answer in done:
                worker, job = hired.pop(answer)
                try:
                    clip = self._ray.get(answer)
                except self._ray.exceptions.RayTaskError as error:
                    # Ray wraps what a worker raised in a report of the worker's own.
                    raise (error.cause if isinstance(error.cause, RichSpaceError) else error) from None
                except self._ray.exceptions.RayActorError as error:
                    self._bury(job, deaths, error)
                    waiting.extendleft([job] if job else [])
                    continue
                if waiting:  # else the worker is let go, and gives back what it holds
                    following = waiting.popleft()
                    hired[worker.render.remote(following)] = worker, following
                if job:
                    yield job, clip

    def _capacity(self) -> int:
        return int(self._ray.cluster_resources().get(self._unit, 0))

    @staticmethod
    def _bury(job: ClipJob | None, deaths: Counter[ClipName | None], error: Exception) -> None:
        name = job.name if job else None
        deaths[name] += 1
        if deaths[name] == _ATTEMPTS:
            raise RichSpaceError(
                "ray",
                expected=f"workers that survive {name or 'loading the models'}",
                got=f"{_ATTEMPTS} that died of it ({str(error)[:300]})",
                hint="The workers may be out of memory; try --tiled.",
            ) from error


class ClipWorker:
    """A renderer in a process of its own; it loads its models when it is told to begin.

    Args:
        settings: What to load, and how to render.
    """

    def __init__(self, settings: RenderSettings) -> None:
        self._settings = settings

    @cached_property
    def _renderer(self) -> ClipRenderer:
        return ClipRenderer(self._settings)

    def begin(self) -> None:
        """Load the models."""
        _ = self._renderer

    def render(self, job: ClipJob) -> RenderedClip:
        """Render one clip."""
        return self._renderer.render(job)
