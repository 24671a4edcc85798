"""Commands of the benchmark's command line."""

from __future__ import annotations

import argparse
import itertools
import sys
from collections.abc import Sequence
from dataclasses import asdict, replace
from importlib.util import find_spec

import torch

from ..cogvideox.config import VideoSize
from ..cogvideox.folder import CogVideoXFolder
from ..cogvideox.sampling import SamplingSettings
from ..embedding import TextEmbedding
from ..errors import RichSpaceError, SamplingError
from ..metrics import registry
from ..out_of_memory import is_out_of_memory
from .balancing import DRAFT_SCORES, ScoreKind
from .clips import ARMS, Arm, ClipJob, ClipName
from .devices import choose_dtype, find_device
from .indices import INDEX_CSV, INDEX_TABLE, Finding, find_mixture, format_index_report, write_index
from .mixtures import Mixture, choose_mixtures, load_mixtures
from .options import get_weights, parse_options
from .outputs import require_writable
from .reasons import explain_remade_clips
from .records import ClipRecord
from .rendering import RenderSettings
from .report import REPORT, write_report
from .runners import InProcess, OnRay, Runner
from .score_table import SCORE_TABLE, SCORES_CSV, ScoreTable, write_scores
from .scoring import load_metrics
from .store import ClipStore
from .text_encoder import load_text_encoder

_CLIPS = "clips"
_INDEX_FILES = (INDEX_TABLE, INDEX_CSV)
_FILES = (REPORT, SCORE_TABLE, SCORES_CSV, *_INDEX_FILES)
_LESS_MEMORY = "Try --tiled, --dtype bfloat16 or a smaller --width and --height. Finished clips are kept."
_TABLE_1 = ("Tiger+Zebra", "Rabbit+Cat", "Strawberry+Blueberry", "Sunflower+Snail")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command and return the exit status."""
    options = parse_options(arguments)
    try:
        from transformers.utils.logging import disable_progress_bar

        disable_progress_bar()  # of weights, since mixtures and clips have their own
        {"index": run_index, "videos": run_videos}[options.command](options)
    except RichSpaceError as error:
        _print_status(f"error: {error}")
        return 2
    except (RuntimeError, MemoryError) as error:  # also from a worker of a cluster
        if not is_out_of_memory(error):
            raise
        reason = str(error).rpartition("DefaultCPUAllocator: ")[2].partition(". ")[0] or "MemoryError"
        _print_status(f"error: device: out of memory ({reason}). {_LESS_MEMORY}")
        return 2
    except KeyboardInterrupt:
        _print_status("Interrupted. Finished clips are kept. Run the same command again to continue.")
        return 130
    return 0


def run_index(options: argparse.Namespace) -> None:
    """Run the command `index`."""
    _require_packages("tqdm")
    mixtures = _select_mixtures(options)
    require_writable(options.out, _INDEX_FILES)
    findings, _ = _find_all(mixtures, options)
    write_index(options.out, findings)
    print(format_index_report(findings))  # noqa: T201
    _print_status(f"Written to {options.out}: {', '.join(_INDEX_FILES)}")


def run_videos(options: argparse.Namespace) -> None:
    """Run the command `videos`."""
    # Everything that can be checked is checked before hours of work.
    _require_packages("av", "jinja2", "tqdm")
    mixtures = _select_mixtures(options)
    settings = _make_settings(options)
    store = _prepare_outputs(mixtures, options)
    runner: Runner = InProcess() if options.ray is None else OnRay(options.ray)
    findings, negative = _find_all(mixtures, options)
    write_index(options.out, findings)
    jobs = _make_jobs(findings, negative, settings, options.seeds)
    records = _render_all(jobs, store, runner, settings)
    write_scores(options.out, records)
    write_report(options.out, findings, records, store)
    print(ScoreTable.from_records(records).to_markdown())  # noqa: T201
    _print_status(f"Written to {options.out}: {', '.join((*_FILES, _CLIPS))}")


def _require_packages(*names: str) -> None:
    if absent := [name for name in names if find_spec(name) is None]:
        hint = 'Install the missing packages: pip install ".[benchmark]"'
        raise RichSpaceError("packages", expected=", ".join(names), got=f"no {', '.join(absent)}", hint=hint)


def _select_mixtures(options: argparse.Namespace) -> tuple[Mixture, ...]:
    """Return the mixtures that the options name."""
    mixtures = load_mixtures(options.prompts)
    if options.table_1:
        choose_mixtures(mixtures, _TABLE_1, option="table-1")
    return choose_mixtures(mixtures, [*options.only, *(_TABLE_1 if options.table_1 else ())])


def _make_settings(options: argparse.Namespace) -> RenderSettings:
    """Return the settings after checking the files that they name."""
    size = VideoSize(options.width, options.height, options.frames)
    sampling = SamplingSettings(size, options.steps, options.cfg, scheduler=options.scheduler)
    weights = get_weights(options)
    model = options.model.resolve()
    folder = CogVideoXFolder.open(model)
    folder.video_size(**asdict(size))
    trained = folder.scheduler.num_train_timesteps
    for name, steps in (("steps", options.steps), ("draft-steps", options.draft_steps)):
        if steps > trained:
            expected = f"at most {trained}, the length of the model's schedule"
            raise SamplingError(name, expected=expected, got=str(steps))
    find_device(options.device)
    load_metrics(weights, torch.device("cpu"))
    drafts = {"draft_steps": options.draft_steps, "candidates": options.candidates}
    return RenderSettings(model, sampling, weights, options.device, options.dtype, options.tiled, **drafts)


def _prepare_outputs(mixtures: Sequence[Mixture], options: argparse.Namespace) -> ClipStore:
    """Create the folder of the clips, and check that every file can be written."""
    require_writable(options.out, _FILES)
    metrics = registry.measurable_metrics(get_weights(options))
    scores: tuple[ScoreKind, ...] = (*metrics, *DRAFT_SCORES)
    store = ClipStore(options.out / _CLIPS, [score.name for score in scores])
    require_writable(store.root)
    for mixture in mixtures:
        for arm in ARMS:
            for seed in range(options.seeds):
                store.require_room(ClipName(mixture.name, arm, seed))
    return store


def _find_all(mixtures: Sequence[Mixture], options: argparse.Namespace) -> tuple[list[Finding], TextEmbedding]:
    """Run the finder on every mixture and encode the empty prompt; release the text encoder afterwards."""
    from tqdm import tqdm

    device = find_device(options.device)
    dtype = choose_dtype(options.dtype, device)
    encoder = load_text_encoder(options.t5 or options.model, tokenizer=options.tokenizer, dtype=dtype, device=device)
    findings = [
        find_mixture(mixture, encoder, steps=options.candidates)
        for mixture in tqdm(mixtures, desc="finding", unit="mixture", leave=False)
    ]
    for notice in itertools.chain.from_iterable(finding.notices for finding in findings):
        _print_status(f"warning: {notice}")
    return findings, encoder.encode("").embedding


def _make_jobs(
    findings: Sequence[Finding], negative: TextEmbedding, settings: RenderSettings, seeds: int
) -> list[ClipJob]:
    """Return a job for every clip, ordered by seed, so that an interrupted run has clips of every mixture."""

    def make_job(finding: Finding, arm: Arm, seed: int) -> ClipJob:
        embeddings = {"optimum": finding.chain.embedding, "direct": finding.direct, "balance": None}
        keys = settings.keys(embeddings[arm], negative, seed, finding.prompts)
        name = ClipName(finding.mixture.name, arm, seed)
        return ClipJob(name, embeddings[arm], negative, keys, prompts=finding.prompts)

    return [make_job(finding, arm, seed) for seed in range(seeds) for finding in findings for arm in ARMS]


def _render_all(
    jobs: Sequence[ClipJob], store: ClipStore, runner: Runner, settings: RenderSettings
) -> list[ClipRecord]:
    """Render the clips that are not finished; return every clip's record in the order of the jobs."""
    from tqdm import tqdm

    checked = tqdm(jobs, desc="checking", unit="clip", leave=False)
    states = {job.name: store.state(job.name, job.keys) for job in checked}
    for line in explain_remade_clips(states):
        _print_status(line)
    records = {name: state.record for name, state in states.items()}
    left = [replace(job, latents=store.latents(job.name, job.keys)) for job in jobs if records[job.name] is None]
    with tqdm(total=len(jobs), initial=len(jobs) - len(left), desc="rendering", unit="clip") as progress:
        for job, clip in runner.run(left, settings):
            records[job.name] = store.save(job, clip)
            progress.set_postfix_str(str(job.name))
            progress.update()
    return [record for record in records.values() if record]


def _print_status(text: str) -> None:
    print(text, file=sys.stderr)  # noqa: T201
