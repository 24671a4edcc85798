#!/usr/bin/env python3
"""The commands of this checkout. They need nothing but Python: what they use is installed when it is first needed.

All files that they make are in the folder `.dev/` next to this file. Delete it to start again:

    .dev/venv        virtual environment with torch, ComfyUI's requirements and this pack
    .dev/host        ComfyUI, unless COMFYUI_PATH names one
    .dev/run         base directories of the servers (models, input, output)
    .dev/artifacts   videos, pictures and screenshots of the demo and the tests
    .dev/logs        full output of whatever is shown here as one line
    .dev/comfy-cli   command of ComfyUI's registry, for the tests
    .dev/frontend    newest frontend of ComfyUI, while it is tried
    .dev/versions    environments with other versions, while they are tried

The programs behind the commands are in tools/.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

sys.path.insert(0, str(Path(__file__).resolve().parent / "tools"))

import checks
from environment import repository_address
from environment.browser import get_browser
from environment.checkout import TOOLS
from environment.programs import run_to_the_end
from environment.virtual_environment import call_tool, set_up, venv_program

if TYPE_CHECKING:
    from collections.abc import Sequence


def run_program(name: str, *arguments: str, extra: str = "", browser: bool = False) -> int:
    """Run a program of tools/ after the set-up that it needs; return its exit status."""
    places = {"COMFYUI_PATH": str(set_up(extra))} | ({"CHROMIUM_PATH": get_browser()} if browser else {})
    return call_tool("python", TOOLS / f"{name}.py", *arguments, environment=places)


def command_demo(_: argparse.Namespace) -> int:
    """Run a three-prompt workflow in a real ComfyUI and print where the video is."""
    return run_program("run_demo")


def command_test(options: argparse.Namespace) -> int:
    """Run the lints and all tests. Arguments after -- go to pytest."""
    return checks.run_tests(options.rest)


def command_host(options: argparse.Namespace) -> int:
    """Run a ComfyUI with this pack until Ctrl-C. Arguments after -- go to its main.py."""
    return run_program("run_host", "--listen", options.listen, "--port", str(options.port), "--", *options.rest)


def command_workflows(options: argparse.Namespace) -> int:
    """Write workflows/api and the blueprints from the workflows, with --thumbnails also their pictures."""
    flags = ["--thumbnails"] if options.thumbnails else []
    return run_program("export_workflows", *flags, extra="test", browser=True)


def command_pictures(options: argparse.Namespace) -> int:
    """Draw the example pictures of the nodes' help pages, or those of the named nodes, from real runs."""
    return run_program("help_pictures", *options.names, extra="test", browser=True)


def command_surface(_: argparse.Namespace) -> int:
    """Record additions to the nodes in tests/surface.json; refuse changes that would break saved workflows."""
    return run_program("surface")


def command_texts(_: argparse.Namespace) -> int:
    """Complete the translations under locales/ with everything that follows from the schemas."""
    return run_program("node_texts", extra="test")


def command_oldest(_: argparse.Namespace) -> int:
    """Run the tests that call other libraries with the oldest versions that the pack allows."""
    return checks.run_oldest_tests()


def command_versions(options: argparse.Namespace) -> int:
    """Try other versions of the libraries, Python and the frontend, or the named ones; write a table. Takes hours."""
    flags = ["--quick"] if options.quick else []
    return run_program("reliability/versions", *options.names, *flags, extra="test", browser=True)


def command_bench(options: argparse.Namespace) -> int:
    """Run the quick benchmarks, or the named ones. Arguments after -- go to the one that is named."""
    return checks.run_benchmarks(options.names, options.rest)


def command_hostile(options: argparse.Namespace) -> int:
    """Give every node, file and graph bad input, thousands of times, and print what is not refused by name."""
    only = [] if options.only is None else ["--only", str(options.only)]
    media = [word for medium in options.medium or () for word in ("--medium", medium)]
    places = {"COMFYUI_PATH": str(set_up("test"))}
    numbers = ("--count", str(options.count), "--seed", str(options.seed))
    return call_tool("python", TOOLS / "reliability" / "hostile", *numbers, *only, *media, environment=places)


def command_kills(options: argparse.Namespace) -> int:
    """Kill what writes files at random moments, and read everything that is left. Arguments after -- go to it."""
    return run_program("reliability/kills", *options.rest, extra="test")


def command_memory(options: argparse.Namespace) -> int:
    """Let memory run out in every kind of work. Arguments after -- go to it."""
    return run_program("reliability/memory", *options.rest, extra="test")


def command_soak(options: argparse.Namespace) -> int:
    """Queue many runs on one server, disturb them, and draw what the process holds."""
    return run_program("reliability/soak", "--runs", str(options.runs), extra="test", browser=True)


def command_cancels(options: argparse.Namespace) -> int:
    """Cancel runs at random moments in every node that samples."""
    return run_program("reliability/cancels", "--count", str(options.count), extra="test")


def command_lint(options: argparse.Namespace) -> int:
    """Run the lints only."""
    return checks.run_lints(fix=options.fix)


def command_address(options: argparse.Namespace) -> int:
    """Write the repository's address to where it is needed; without one, check that a release can be published."""
    if options.address:
        repository_address.write_address(options.address)
    else:
        repository_address.check_release(options.tag)
    return 0


def command_setup(_: argparse.Namespace) -> int:
    """Do the set-up only: virtual environment, ComfyUI, requirements."""
    host = set_up()
    print(f"Ready.\n  Python:  {venv_program('python')}\n  ComfyUI: {host}")
    return 0


COMMANDS = (
    command_demo,
    command_test,
    command_host,
    command_workflows,
    command_pictures,
    command_surface,
    command_texts,
    command_oldest,
    command_versions,
    command_bench,
    command_hostile,
    command_kills,
    command_memory,
    command_soak,
    command_cancels,
    command_lint,
    command_address,
    command_setup,
)


def make_parser() -> argparse.ArgumentParser:
    """Make the parser of the command line."""
    text = (__doc__ or "").replace("`", "")
    top = argparse.ArgumentParser(description=text, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = top.add_subparsers(metavar="COMMAND", title="commands")
    for function in COMMANDS:
        summary = (function.__doc__ or "").strip()
        command = commands.add_parser(function.__name__.removeprefix("command_"), help=summary, description=summary)
        command.set_defaults(function=function)
    host, lint = commands.choices["host"], commands.choices["lint"]
    host.add_argument("--port", type=int, default=0, help="port to listen on (default: any free one)")
    host.add_argument("--listen", default="127.0.0.1", help="address to listen on (default: this machine only)")
    commands.choices["workflows"].add_argument("--thumbnails", action="store_true", help="draw the pictures too")
    commands.choices["pictures"].add_argument("names", nargs="*", metavar="NODE_ID", help="ids of nodes (default: all)")
    commands.choices["versions"].add_argument("--quick", action="store_true", help="a tenth of the library tests")
    commands.choices["versions"].add_argument("names", nargs="*", metavar="NAME", help="combinations (default: all)")
    commands.choices["bench"].add_argument("names", nargs="*", metavar="NAME", help="files in benchmarks/, without .py")
    hostile = commands.choices["hostile"]
    hostile.add_argument("--count", type=int, default=1000, help="number of examples (default: 1,000)")
    hostile.add_argument("--seed", type=int, default=0, help="seed of the examples (default: 0)")
    hostile.add_argument("--only", type=int, help="number of the only example to run, with one --medium")
    hostile.add_argument("--medium", action="append", choices=("nodes", "files", "http"), help="kind (default: all)")
    commands.choices["soak"].add_argument("--runs", type=int, default=1000, help="runs in all (default: 1000)")
    commands.choices["cancels"].add_argument("--count", type=int, default=100, help="cancels in all (default: 100)")
    where = commands.choices["address"]
    where.add_argument("address", nargs="?", metavar="ADDRESS", help="such as https://github.com/OWNER/NAME")
    where.add_argument("--tag", help="tag of the release, which has to be the version (default: not checked)")
    lint.add_argument("--fix", action="store_true", help="let ruff repair and format what it can")
    return top


def main(arguments: Sequence[str]) -> int:
    """Run one command; return the exit status."""
    end = arguments.index("--") if "--" in arguments else len(arguments)
    parser = make_parser()
    options = parser.parse_args(arguments[:end])
    options.rest = arguments[end + 1 :]
    if not hasattr(options, "function"):
        parser.print_help()
        return 0
    takers = (command_host, command_test, command_bench, command_kills, command_memory)
    if options.rest and options.function not in takers:
        parser.error("only host, test, bench, kills and memory take arguments after --")
    status = run_to_the_end(lambda: options.function(options))
    if status == 130:
        print("\nStopped.", file=sys.stderr)
    return status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
