"""The package as a whole: its public names, the cost of its import, its examples and its requirements."""

from __future__ import annotations

import ast
import doctest
import importlib
import inspect
import json
import os
import pkgutil
import re
import subprocess
import sys
from pathlib import Path

import pytest

import richspace_core
from richspace_core import metrics
from richspace_core.cogvideox import decoding, sampling
from richspace_core.cogvideox import t5 as encoding

PACKAGE = Path(richspace_core.__file__).parent
MODULES = sorted(
    ["richspace_core", *(info.name for info in pkgutil.walk_packages(richspace_core.__path__, "richspace_core."))]
)


class TestPublicNames:
    def test_are_these_and_no_others(self):
        assert richspace_core.__all__ == [
            "Balance",
            "ChainedInterpolation",
            "EmbeddingError",
            "LibraryError",
            "Look",
            "ModelFolderError",
            "OptimalInterpolation",
            "PromptError",
            "RichSpaceError",
            "SamplingError",
            "Scores",
            "TextEmbedding",
            "cosine_scores",
            "find_balance",
            "find_optimal",
            "find_optimal_chain",
            "foot_coefficient",
            "interpolate",
            "matrix_cosine",
            "perpendicular_foot",
        ]

    def test_are_all_there(self):
        namespace = {}
        exec("from richspace_core import *", namespace)
        assert set(richspace_core.__all__) <= namespace.keys()

    @pytest.mark.parametrize("name", richspace_core.__all__)
    def test_are_documented(self, name):
        assert inspect.getdoc(getattr(richspace_core, name)).strip()


class TestImport:
    """Import in a fresh interpreter, from a neutral folder: nothing heavy, and nothing of ComfyUI."""

    @staticmethod
    def loaded_by(statement: str, folder: Path) -> set[str]:
        script = f"{statement}\nimport json, sys\nprint(json.dumps(sorted(sys.modules)))"
        done = subprocess.run(
            [sys.executable, "-c", script],
            cwd=folder,
            env=os.environ | {"PYTHONPATH": str(PACKAGE.parent)},
            capture_output=True,
            text=True,
            check=True,
            timeout=120,
        )
        assert done.stderr == ""
        return set(json.loads(done.stdout))

    def test_loads_torch_and_nothing_heavier(self, tmp_path):
        # All modules at once, so also those that use diffusers and transformers: they import them when used.
        loaded = self.loaded_by("\n".join(f"import {name}" for name in MODULES), tmp_path)
        bare = self.loaded_by("import torch", tmp_path)
        assert {"torch", *MODULES} <= loaded
        heavy = {"accelerate", "diffusers", "huggingface_hub", "matplotlib", "PIL", "safetensors", "scipy"}
        heavy |= {"sentencepiece", "tokenizers", "torchvision", "transformers"}
        host = {"comfy", "comfy_api", "comfy_extras", "folder_paths", "nodes", "server"}
        assert not (loaded - bare) & (heavy | host)
        added = {name.partition(".")[0] for name in loaded - bare}
        assert added - {"richspace_core", *sys.stdlib_module_names} == set()

    def test_has_no_effect_on_torch(self, tmp_path):
        state = "(torch.get_num_threads(), torch.get_default_dtype(), torch.initial_seed(), torch.is_grad_enabled())"
        self.loaded_by(
            f"import torch\ntorch.manual_seed(4)\nbefore = {state}\n"
            f"import richspace_core, richspace_core.cogvideox.sampling\nassert before == {state}",
            tmp_path,
        )


class TestExamples:
    @pytest.mark.parametrize("name", MODULES)
    def test_run(self, name):
        assert doctest.testmod(importlib.import_module(name)).failed == 0

    def test_are_found(self):
        # That a module has none would pass the test above; so would a finder that finds none.
        for name in ("embedding", "errors", "finder.cosine", "finder.geometry", "cogvideox.t5", "paper.algorithm1"):
            module = importlib.import_module(f"richspace_core.{name}")
            assert sum(len(test.examples) for test in doctest.DocTestFinder().find(module)) > 0, name


FUNCTIONS = [
    *(getattr(richspace_core, name) for name in richspace_core.__all__ if name[0].islower()),
    encoding.encode_prompts,
    encoding.fit_tokens,
    sampling.sample_latents,
    decoding.decode_latents,
    *(getattr(metrics, name) for name in metrics.__all__ if name[0].islower()),
]


@pytest.mark.parametrize("function", FUNCTIONS, ids=lambda function: function.__name__)
class TestDocstrings:
    def test_name_every_argument(self, function):
        described = inspect.getdoc(function).split("Args:\n")[1].split("\n\n")[0]
        assert re.findall(r"^    (\w+):", described, re.MULTILINE) == list(inspect.signature(function).parameters)

    def test_say_what_comes_back_and_what_is_raised(self, function):
        text = inspect.getdoc(function)
        assert "\nReturns:\n" in text
        assert "\nRaises:\n" in text or function is encoding.fit_tokens


class TestRequirements:
    @pytest.fixture
    def project(self):
        tomllib = pytest.importorskip("tomllib", reason="Python 3.11 and later read TOML by themselves")
        return tomllib.loads((PACKAGE.parent / "pyproject.toml").read_text(encoding="utf-8"))["project"]

    @pytest.fixture
    def lines(self):
        text = (PACKAGE.parent / "requirements.txt").read_text(encoding="utf-8")
        return [line for line in text.splitlines() if line and not line.startswith("#")]

    def test_are_the_same_in_both_files(self, project, lines):
        assert lines == project["dependencies"]

    def test_leave_torch_and_numpy_to_the_host(self, project, lines):
        names = {re.match(r"[\w.-]+", line)[0].lower() for line in [*lines, *project["dependencies"]]}
        assert not names & {"torch", "torchvision", "torchaudio", "numpy"}

    def test_are_enough_for_what_is_imported(self, project, lines):
        # Every third-party module that the library names anywhere is a requirement, or the host's.
        required = {re.match(r"[\w.-]+", line)[0].lower() for line in lines} | {"torch", "numpy"}
        required.add("PIL")  # matplotlib brings it, and the host
        files = set(PACKAGE.rglob("*.py"))
        benchmark = set((PACKAGE / "benchmark").glob("*.py"))
        assert self.third_party(files - benchmark) <= required
        extras = project["optional-dependencies"]
        required |= {re.match(r"[\w.-]+", line)[0].lower() for line in (*extras["benchmark"], *extras["cluster"])}
        assert self.third_party(benchmark) <= required

    @staticmethod
    def third_party(files):
        imported = set()
        for file in files:
            for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
                if isinstance(node, ast.ImportFrom) and node.level == 0:
                    imported.add(node.module.partition(".")[0])
                elif isinstance(node, ast.Import):
                    imported |= {alias.name.partition(".")[0] for alias in node.names}
        return imported - set(sys.stdlib_module_names) - {"richspace_core", "typing_extensions"}
