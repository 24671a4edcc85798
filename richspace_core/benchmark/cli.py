"""The command line of the benchmark."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path

import torch

from ..embedding import TextEmbedding
from ..errors import RichSpaceError
from ..model_config import VideoSize
from ..model_folder import CogVideoXFolder
from ..paper.benchmark import STEPS
from ..sampling import SamplingSettings
from .clips import ARMS, Arm, ClipJob, ClipName, ClipRecord, ClipStore
from .indices import Finding, find, index_report, write_index
from .mixtures import PAPER_PROMPTS, choose, load_mixtures
from .rendering import DTYPES, RenderSettings, ScoringFiles, choose_dtype, find_device, load_metrics
from .report import write_report
from .runners import InProcess, OnRay, Runner
from .scores import ScoreTable, write_scores
from .text_encoder import load_text_encoder

_TABLE_1 = ("Tiger+Zebra", "Rabbit+Cat", "Strawberry+Blueberry", "Sunflower+Snail")
_EPILOG = """\
examples:
  # the demo model, which comes with this project, on any computer:
  python -m richspace_core.benchmark videos demo_model --prompts richspace_core/benchmark/demo_prompts.json \\
      --steps 20 --cfg 4 --seeds 2 --out results
  # the paper's indices, with a T5 alone:
  python -m richspace_core.benchmark index CogVideoX-2b --out results
  # the paper's Table 1:
  python -m richspace_core.benchmark videos CogVideoX-2b --table-1 --seeds 3 --dino dino-vitb16 \\
      --clip clip-vit-large-patch14 --aesthetic-head sa_0_4_vit_l_14_linear.pth --out results
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; returns the exit status."""
    options = parse(arguments)
    from transformers.utils.logging import disable_progress_bar

    disable_progress_bar()  # of weights: mixtures and clips have theirs
    try:
        options.run(options)
    except RichSpaceError as error:
        _say(f"error: {error}")
        return 2
    except KeyboardInterrupt:
        _say("Interrupted. What is finished is kept: run the same command again to go on.")
        return 130
    return 0


def run_index(options: argparse.Namespace) -> None:
    """The command `index`."""
    findings, _ = _find_all(options)
    options.out.mkdir(parents=True, exist_ok=True)
    write_index(options.out, findings)
    print(index_report(findings))  # noqa: T201
    _say(f"Written to {options.out}: index.md, index.csv")


def run_videos(options: argparse.Namespace) -> None:
    """The command `videos`."""
    settings = _render_settings(options)
    runner: Runner = OnRay(options.ray) if options.ray else InProcess()
    findings, negative = _find_all(options)
    options.out.mkdir(parents=True, exist_ok=True)
    write_index(options.out, findings)
    store = ClipStore(options.out / "clips")
    jobs = _jobs(findings, negative, settings, options.seeds)
    records = _render_all(jobs, store, runner, settings)
    write_scores(options.out, records)
    write_report(options.out, findings, records, store)
    print(ScoreTable.of(records).markdown())  # noqa: T201
    _say(f"Written to {options.out}: report.html, table.md, scores.csv, index.md, index.csv, clips")


def _find_all(options: argparse.Namespace) -> tuple[list[Finding], TextEmbedding]:
    """The finder on every chosen mixture, and the embedding of the empty prompt; the encoder is let go afterwards."""
    from tqdm import tqdm

    names = [*options.only, *(_TABLE_1 if getattr(options, "table_1", False) else ())]
    mixtures = choose(load_mixtures(options.prompts), names)
    device = find_device(options.device)
    dtype = choose_dtype(options.dtype, device)
    encoder = load_text_encoder(options.t5 or options.model, tokenizer=options.tokenizer, dtype=dtype, device=device)
    findings = [
        find(mixture, encoder, steps=options.candidates)
        for mixture in tqdm(mixtures, desc="finding", unit="mixture", leave=False)
    ]
    return findings, encoder.encode("")


def _jobs(findings: Sequence[Finding], negative: TextEmbedding, settings: RenderSettings, seeds: int) -> list[ClipJob]:
    """Every clip: seed by seed, so that a run that is cut short has some of everything."""

    def job(finding: Finding, arm: Arm, seed: int) -> ClipJob:
        embedding = finding.chain.embedding if arm == "optimum" else finding.direct
        keys = settings.keys(embedding, negative, seed)
        return ClipJob(ClipName(finding.mixture.name, arm, seed), embedding, negative, keys)

    return [job(finding, arm, seed) for seed in range(seeds) for finding in findings for arm in ARMS]


def _render_all(
    jobs: Sequence[ClipJob], store: ClipStore, runner: Runner, settings: RenderSettings
) -> list[ClipRecord]:
    """Render what the store does not have; returns every clip's record, in the order of the jobs."""
    from tqdm import tqdm

    checked = tqdm(jobs, desc="checking", unit="clip", leave=False)
    records = {job.name: store.record(job.name, job.keys) for job in checked}
    left = [replace(job, latents=store.latents(job.name, job.keys)) for job in jobs if records[job.name] is None]
    with tqdm(total=len(jobs), initial=len(jobs) - len(left), desc="rendering", unit="clip") as progress:
        for job, clip in runner.run(left, settings):
            records[job.name] = store.save(job, clip)
            progress.set_postfix_str(str(job.name))
            progress.update()
    return [record for record in records.values() if record]


def _render_settings(options: argparse.Namespace) -> RenderSettings:
    size = VideoSize(options.width, options.height, options.frames)
    sampling = SamplingSettings(size, options.steps, options.cfg, scheduler=options.scheduler)
    scoring = ScoringFiles(options.dino, options.clip, options.aesthetic_head)
    model = options.model.resolve()
    # What is wrong with the files is said before hours are spent.
    CogVideoXFolder.open(model).video_size(**asdict(size))
    load_metrics(scoring, torch.device("cpu"))
    find_device(options.device)
    return RenderSettings(model, sampling, scoring, options.device, options.dtype, options.tiled)


def parse(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """The command line's options, with the command's function as `run`."""
    raw = argparse.RawDescriptionHelpFormatter
    top = argparse.ArgumentParser(
        prog="python -m richspace_core.benchmark", description=__doc__, epilog=_EPILOG, formatter_class=raw
    )
    commands = top.add_subparsers(title="commands", metavar="COMMAND", required=True)
    index = commands.add_parser("index", help="run the finder on each mixture and compare the indices with the paper's")
    index.set_defaults(run=run_index, t5=None)
    index.add_argument("model", type=Path, help="a T5: a CogVideoX folder, a T5 folder, or a single safetensors file")
    videos = commands.add_parser("videos", help="render each mixture's optimum and its guide prompt, and score both")
    videos.set_defaults(run=run_videos)
    videos.add_argument("model", type=Path, help="a CogVideoX folder, as diffusers saves it")
    for command in (index, videos):
        _add_common(command)
    _add_rendering(videos)
    return top.parse_args(arguments)


def _add_common(command: argparse.ArgumentParser) -> None:
    add = command.add_argument
    add("--out", type=Path, required=True, metavar="FOLDER", help="where the results go; made if it is not there")
    add("--prompts", type=Path, default=PAPER_PROMPTS, metavar="FILE", help="JSON with mixtures of your own")
    add("--only", nargs="+", default=[], metavar="NAME", help="only these mixtures, such as Tiger+Zebra")
    add("--candidates", type=_positive, default=STEPS, metavar="K", help="on each line (default: %(default)s)")
    add("--tokenizer", type=Path, metavar="FOLDER", help="T5 tokenizer, if it is not in the model's folder")
    add("--device", default="auto", help="such as cuda or cpu (default: an accelerator if there is one)")
    add("--dtype", choices=["auto", *DTYPES], default="auto", help="of weights (default: as saved; float32 on a CPU)")


def _add_rendering(command: argparse.ArgumentParser) -> None:
    add = command.add_argument
    add("--seeds", type=_positive, default=3, help="videos of each mixture and arm (default: %(default)s)")
    add("--table-1", action="store_true", help="only the four mixtures of the paper's Table 1")
    add("--t5", type=Path, metavar="PATH", help="another T5 than the model's own: a folder or a single file")
    add("--steps", type=int, default=50, help="denoising steps (default: %(default)s)")
    add("--cfg", type=float, default=6.0, help="guidance (default: %(default)s)")
    add("--scheduler", choices=["auto", "DDIM", "DPM"], default="auto", help="default: the one that the folder names")
    for side in ("width", "height", "frames"):
        add(f"--{side}", type=int, default=0, metavar="N", help="default: the model's own")
    add("--tiled", action="store_true", help="decode in tiles, for a quarter of the memory")
    add("--dino", type=Path, metavar="FOLDER", help="DINO ViT-B/16, for subject consistency")
    add("--clip", type=Path, metavar="PATH", help="CLIP ViT-L/14, folder or file, for aesthetic quality")
    add("--aesthetic-head", type=Path, metavar="FILE", help="LAION's sa_0_4_vit_l_14_linear.pth, which goes with it")
    add("--ray", metavar="ADDRESS", help="render on a Ray cluster: its address, or auto for this machine's")


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("at least 1")
    return number


def _say(text: str) -> None:
    print(text, file=sys.stderr)  # noqa: T201
