"""Runners that render the clips: in this process, or with the workers of a Ray cluster."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol

from ..errors import RichSpaceError
from .clips import ClipJob, ClipName, RenderedClip
from .cluster import connect_to_cluster
from .rendering import ClipRenderer, RenderSettings

_ATTEMPTS = 4  # for one clip, if each worker dies while rendering it
_POLL_SECONDS = 2.0  # between checks whether the cluster has grown


class Runner(Protocol):
    """Renderer of clips, in any order; it returns each as soon as it is finished."""

    def run(self, jobs: Sequence[ClipJob], settings: RenderSettings) -> Iterator[tuple[ClipJob, RenderedClip]]:
        """Render every job once."""
        ...


class InProcess:
    """Runner that renders one clip after the other in this process."""

    def run(self, jobs: Sequence[ClipJob], settings: RenderSettings) -> Iterator[tuple[ClipJob, RenderedClip]]:
        """Render every job once."""
        worker = ClipWorker(settings)
        for job in jobs:
            yield job, worker.render(job)


class OnRay:
    """Runner with one worker for each GPU of a Ray cluster, or for each CPU if it has no GPU.

    Workers are started whenever the cluster has room for them, so machines can join during a run. If a worker dies,
    another one renders its clip. Clips are returned as bytes: only the models' folders must be at the same path on
    every machine.

    Args:
        address: Address of the cluster, or "auto" for the one that this machine belongs to.

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
        # Ray copies this code to the workers.
        connect_to_cluster(ray, address, runtime_env={"py_modules": [str(Path(__file__).parents[1])]})
        self._ray = ray
        self._unit = "GPU" if ray.cluster_resources().get("GPU") else "CPU"
        self._worker = ray.remote(**{f"num_{self._unit.lower()}s": 1})(ClipWorker)

    def run(self, jobs: Sequence[ClipJob], settings: RenderSettings) -> Iterator[tuple[ClipJob, RenderedClip]]:
        """Render every job once; each worker renders one at a time."""
        waiting, deaths = deque(jobs), Counter[ClipName | None]()
        hired: dict[Any, tuple[Any, ClipJob | None]] = {}  # worker and its job, which is None while it loads the models
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
                    # Ray wraps the error of a worker in one with the worker's traceback.
                    raise (error.cause if isinstance(error.cause, RichSpaceError) else error) from None
                except self._ray.exceptions.RayActorError as error:
                    self._count_death(job, deaths, error)
                    waiting.extendleft([job] if job else [])
                    continue
                if waiting:  # otherwise the worker is released with its resources
                    following = waiting.popleft()
                    hired[worker.render.remote(following)] = worker, following
                if job:
                    yield job, clip

    def _capacity(self) -> int:
        return int(self._ray.cluster_resources().get(self._unit, 0))

    @staticmethod
    def _count_death(job: ClipJob | None, deaths: Counter[ClipName | None], error: Exception) -> None:
        """Count the death of a worker; raise an error if too many died at the same job."""
        name = job.name if job else None
        deaths[name] += 1
        if deaths[name] == _ATTEMPTS:
            raise RichSpaceError(
                "ray",
                expected=f"a worker that can finish {name or 'loading the models'}",
                got=f"{_ATTEMPTS} workers that died ({str(error)[:300]})",
                hint="The workers may be out of memory; try --tiled.",
            ) from error


class ClipWorker:
    """Renderer in a separate process, which loads its models when it begins.

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
