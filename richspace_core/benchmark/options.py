"""Options of the benchmark's command line."""

from __future__ import annotations

import argparse
import math
from collections.abc import Sequence
from pathlib import Path

from ..metrics import registry
from ..paper.reported import STEPS
from .devices import DTYPES
from .mixtures import PAPER_PROMPTS

_DESCRIPTION = "Repeat the paper's benchmark for any CogVideoX and any prompts."
_EPILOG = """\
examples:
  # the demo model, which is part of this project, on any computer:
  python -m richspace_core.benchmark videos demo_model --prompts richspace_core/benchmark/demo_prompts.json \\
      --steps 20 --cfg 4 --seeds 2 --out results
  # the paper's indices, with only a T5:
  python -m richspace_core.benchmark index CogVideoX-2b --out results
  # the paper's Table 1:
  python -m richspace_core.benchmark videos CogVideoX-2b --table-1 --seeds 3 --dino dino-vitb16 \\
      --clip clip-vit-large-patch14 --aesthetic-head sa_0_4_vit_l_14_linear.pth --out results
"""


def parse_options(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Parse the command line; the option `command` is the name of the command."""
    raw = argparse.RawDescriptionHelpFormatter
    top = argparse.ArgumentParser(
        prog="python -m richspace_core.benchmark", description=_DESCRIPTION, epilog=_EPILOG, formatter_class=raw
    )
    commands = top.add_subparsers(title="commands", metavar="COMMAND", required=True)
    index = commands.add_parser("index", help="run the finder on each mixture and compare the indices with the paper's")
    index.set_defaults(command="index", t5=None, table_1=False)
    index.add_argument("model", type=Path, help="T5: a CogVideoX folder, a T5 folder, or a single safetensors file")
    videos = commands.add_parser(
        "videos", help="render each mixture's optimum, guide prompt and balance, and score them"
    )
    videos.set_defaults(command="videos")
    videos.add_argument("model", type=Path, help="CogVideoX folder in the format of diffusers")
    for command in (index, videos):
        _add_common(command)
    _add_rendering(videos)
    _add_weights(videos)
    return top.parse_args(arguments)


def get_weights(options: argparse.Namespace) -> dict[str, Path]:
    """Return the paths of the metrics' weights that the options give, by their keys in the registry."""
    given = vars(options)
    return {weights.key: given[weights.key] for weights in registry.required_weights() if given[weights.key]}


def _add_common(command: argparse.ArgumentParser) -> None:
    add = command.add_argument
    add("--out", type=Path, required=True, metavar="FOLDER", help="folder of the results, created if necessary")
    add("--prompts", type=Path, default=PAPER_PROMPTS, metavar="FILE", help="JSON file with your own mixtures")
    add("--only", nargs="+", default=[], metavar="NAME", help="only these mixtures, such as Tiger+Zebra")
    add("--candidates", type=_positive, default=STEPS, metavar="K", help="candidates per guide (default: %(default)s)")
    add("--tokenizer", type=Path, metavar="FOLDER", help="T5 tokenizer, if it is not in the model's folder")
    add("--device", default="auto", help="such as cuda or cpu (default: an accelerator if there is one)")
    add("--dtype", choices=["auto", *DTYPES], default="auto", help="of the weights (default: as saved; float32 on CPU)")


def _add_rendering(command: argparse.ArgumentParser) -> None:
    add = command.add_argument
    add("--seeds", type=_positive, default=3, help="videos per mixture and arm (default: %(default)s)")
    add("--table-1", action="store_true", help="only the four mixtures of the paper's Table 1")
    add("--t5", type=Path, metavar="PATH", help="T5 to use instead of the model's own: a folder or a single file")
    add("--steps", type=int, default=50, help="denoising steps (default: %(default)s)")
    add("--draft-steps", type=_positive, default=1, metavar="N", help="steps of a draft (default: %(default)s)")
    add("--cfg", type=_guidance, default=6.0, help="guidance scale (default: %(default)s)")
    add("--scheduler", choices=["auto", "DDIM", "DPM"], default="auto", help="default: the model's own")
    for side in ("width", "height", "frames"):
        add(f"--{side}", type=int, default=0, metavar="N", help="default: the model's own")
    add("--tiled", action="store_true", help="decode in tiles, which takes a quarter of the memory")
    add("--ray", metavar="ADDRESS", help="render on the Ray cluster at this address; auto: this machine's cluster")


def _add_weights(command: argparse.ArgumentParser) -> None:
    """Add an option for the weights of each network in the metrics' registry."""
    group = command.add_argument_group("metrics", "A metric whose weights are not given is left out.")
    for weights in registry.required_weights():
        names = " and ".join(metric.name for metric in registry.METRICS if weights in metric.weights)
        help_text = f"{weights.title}, for {names}"
        group.add_argument(f"--{weights.key}", dest=weights.key, type=Path, metavar="PATH", help=help_text)


def _guidance(text: str) -> float:
    problem = argparse.ArgumentTypeError(f"expected a number of at least 0, got {text!r}")
    try:
        number = float(text)
    except ValueError:
        raise problem from None
    if not (math.isfinite(number) and number >= 0):
        raise problem
    return number


def _positive(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"expected an integer of at least 1, got {text!r}")
    return int(text)
