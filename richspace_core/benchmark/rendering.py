"""Rendering a clip and scoring it: what each worker of the benchmark does, here or on another machine."""

from __future__ import annotations

import io
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor

from ..cogvideox.folder import CogVideoXFolder, Part
from ..cogvideox.sampling import SamplingSettings, decode_latents, sample_latents
from ..drawing.contact_sheet import draw_contact_sheet
from ..embedding import TextEmbedding
from ..errors import RichSpaceError
from ..metrics import aesthetic_quality, subject_consistency, temporal_flickering
from ..metrics.backbones import load_aesthetic_head, load_clip, load_dino
from .clips import LATENTS, STRIP, VIDEO, ClipJob, ClipKeys, RenderedClip
from .hashes import hash_bytes, hash_json

SUBJECT, AESTHETIC, FLICKERING = "subject consistency", "aesthetic quality", "temporal flickering"
FRAMES_PER_SECOND = 8

_STRIP_FRAMES, _STRIP_WIDTH = 6, 240
_SAMPLE = 1 << 20  # bytes at the start of a weight file that stand for all of it
DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}

Metric = Callable[[Tensor], float]


@dataclass(frozen=True)
class ScoringFiles:
    """Where the metrics' weights lie; a metric whose weights are not named is left out.

    Args:
        dino: Folder of DINO ViT-B/16, for subject consistency.
        clip: Folder or file of CLIP ViT-L/14, for aesthetic quality.
        aesthetic_head: LAION's linear predictor, which goes with it.
    """

    dino: Path | None = None
    clip: Path | None = None
    aesthetic_head: Path | None = None

    def __post_init__(self) -> None:
        if (self.clip is None) != (self.aesthetic_head is None):
            raise RichSpaceError(
                "clip, aesthetic-head",
                expected="both, for aesthetic quality, or neither",
                got="one of them",
                hint="Name CLIP ViT-L/14 and LAION's sa_0_4_vit_l_14_linear.pth, or leave both out.",
            )


@dataclass(frozen=True)
class RenderSettings:
    """Everything but the prompts and the seed that a clip comes from.

    Args:
        model: Folder of the CogVideoX, at the same place on every machine.
        sampling: Size, steps, guidance and scheduler.
        scoring: The metrics' weights, at the same place on every machine.
        device: Where to run, such as "cuda"; "auto" takes an accelerator where there is one.
        dtype: Of the model's weights; "auto" is the one they were saved in, and float32 on the CPU.
        tiled: Whether to decode in tiles, for a quarter of the memory.
    """

    model: Path
    sampling: SamplingSettings
    scoring: ScoringFiles = ScoringFiles()
    device: str = "auto"
    dtype: str = "auto"
    tiled: bool = False

    def keys(self, embedding: TextEmbedding, negative: TextEmbedding, seed: int) -> ClipKeys:
        """What a clip from these embeddings depends on, as hashes.

        Large weight files stand in them with their size and their first megabyte.
        """
        embeddings = [hash_bytes(_bits(prompt.values)) for prompt in (embedding, negative)]
        made = [self._model_fingerprint, asdict(self.sampling), self.dtype, *embeddings, seed]
        return ClipKeys(render=hash_json(made), score=hash_json([made, self.tiled, self._scoring_fingerprint]))

    @cached_property
    def _model_fingerprint(self) -> list[str]:
        return [_fingerprint(self.model / part) for part in ("scheduler", "transformer", "vae")]

    @cached_property
    def _scoring_fingerprint(self) -> list[str | None]:
        return [path and _fingerprint(path) for path in asdict(self.scoring).values()]


class ClipRenderer:
    """A CogVideoX and the metrics, loaded once and held ready.

    On the CPU it computes on one thread, so that the same clip has the same bits whoever renders it.

    Args:
        settings: What to load, and how to render.
    """

    def __init__(self, settings: RenderSettings) -> None:
        self.settings = settings
        self.device = find_device(settings.device)
        if self.device.type == "cpu":
            torch.set_num_threads(1)
        self.folder = CogVideoXFolder.open(settings.model)
        self.transformer, self.vae = self._load("transformer"), self._load("vae")
        self.metrics = load_metrics(settings.scoring, self.device)

    def render(self, job: ClipJob) -> RenderedClip:
        """Sample a clip, unless its latents are there, decode it and score it."""
        start = time.perf_counter()
        latents = self._sample(job) if job.latents is None else _read_latents(job.latents, str(job.name))
        frames = decode_latents(self.vae, latents, tiled=self.settings.tiled)  # [t, h, w, 3]
        scores = {name: metric(frames) for name, metric in self.metrics.items()}
        files = {
            LATENTS: job.latents or _write_latents(latents),
            VIDEO: encode_video(frames),
            STRIP: picture_file(
                draw_contact_sheet([frames], [str(job.name)], columns=_STRIP_FRAMES, frame_width=_STRIP_WIDTH), "jpeg"
            ),
        }
        return RenderedClip(files, scores, time.perf_counter() - start)

    def _sample(self, job: ClipJob) -> Tensor:
        settings, seed = self.settings.sampling, job.name.seed
        return sample_latents(self.folder, self.transformer, job.embedding, job.negative, settings, seed=seed)

    def _load(self, part: Part) -> torch.nn.Module:
        dtype = choose_dtype(self.settings.dtype, self.device) or self.folder.stored_dtype(part)
        return self.folder.load(part, dtype).to(self.device)


def find_device(name: str) -> torch.device:
    """The device of a name; "auto" is the accelerator if there is one.

    Raises:
        RichSpaceError: If torch has no such device here.
    """
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
    try:
        device = torch.empty(0, device=name).device
        if device.type == "meta":
            raise RuntimeError("which computes nothing")
        return device
    except (RuntimeError, AssertionError) as error:  # torch asserts where it was built without CUDA
        raise RichSpaceError("device", expected="one that torch has here", got=f"{name} ({error})"[:200]) from error


def choose_dtype(name: str, device: torch.device) -> torch.dtype | None:
    """The number type of a name; "auto" is float32 on the CPU, and else None: the one that weights were saved in."""
    if name == "auto":
        return torch.float32 if device.type == "cpu" else None
    return DTYPES[name]


def encode_video(frames: Tensor) -> bytes:
    """Frames ``[t, h, w, 3]`` in 0..1 as an MP4 (H.264) that every browser plays.

    Raises:
        RichSpaceError: If PyAV is not installed.
    """
    try:
        import av
    except ImportError as error:
        raise RichSpaceError(
            "videos", expected="the package av", got="none", hint='Install it: pip install ".[benchmark]"'
        ) from error
    pixels = (frames.float().clamp(0, 1) * 255).round().to("cpu", torch.uint8).numpy()
    target = io.BytesIO()
    with av.open(target, "w", format="mp4") as container:
        stream = container.add_stream("libx264", rate=FRAMES_PER_SECOND, options={"crf": "14"})
        stream.height, stream.width, stream.pix_fmt = pixels.shape[1], pixels.shape[2], "yuv420p"
        for picture in pixels:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode())
    return target.getvalue()


def picture_file(picture: Tensor, form: Literal["png", "jpeg"]) -> bytes:
    """A picture ``[h, w, 3]`` in 0..1 as the contents of a file."""
    from PIL import Image

    target = io.BytesIO()
    Image.fromarray((picture * 255).round().to(torch.uint8).numpy()).save(target, form, optimize=True, quality=90)
    return target.getvalue()


def load_metrics(files: ScoringFiles, device: torch.device) -> dict[str, Metric]:
    """The metrics whose weights are named, and temporal flickering, which has none; by name.

    Raises:
        RichSpaceError: If weights are missing or something else.
    """
    metrics: dict[str, Metric] = {}
    if files.dino is not None:
        dino = load_dino(files.dino).to(device)
        metrics[SUBJECT] = lambda frames: subject_consistency(frames, dino).score
    if files.clip is not None and files.aesthetic_head is not None:
        clip, head = load_clip(files.clip).to(device), load_aesthetic_head(files.aesthetic_head).to(device)
        metrics[AESTHETIC] = lambda frames: aesthetic_quality(frames, clip, head).score
    metrics[FLICKERING] = lambda frames: temporal_flickering(frames).score
    return metrics


def _write_latents(latents: Tensor) -> bytes:
    from safetensors.torch import save

    content: bytes = save({"latents": latents.cpu().contiguous()})
    return content


def _read_latents(content: bytes, clip: str) -> Tensor:
    from safetensors import SafetensorError
    from safetensors.torch import load

    try:
        latents: Tensor = load(content)["latents"]
    except (SafetensorError, KeyError) as error:
        raise RichSpaceError(
            f"{clip}, {LATENTS}",
            expected="a video's latents",
            got=f"something else ({error})",
            hint="Delete the clip's folder to render it again.",
        ) from error
    return latents


def _fingerprint(path: Path) -> str:
    """A folder's or a file's contents: names, sizes, and the first megabyte of each file."""
    files = sorted(path.rglob("*")) if path.is_dir() else [path]
    parts: list[Any] = []
    for file in files:
        if file.is_file():
            with file.open("rb") as source:
                start = hash_bytes(source.read(_SAMPLE))
            parts.append([file.relative_to(path).as_posix(), file.stat().st_size, start])
    return hash_json(parts)


def _bits(values: Tensor) -> bytes:
    return values.contiguous().view(torch.uint8).numpy().tobytes()
