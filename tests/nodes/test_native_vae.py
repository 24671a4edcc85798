"""ComfyUI's VAE of a CogVideoX against diffusers, before and after the correction, whole and in tiles."""

import importlib

import pytest
import torch
from diffusers import AutoencoderKLCogVideoX
from native_models import distance
from small_models.tiny_models import KINDS

EXACT = 1e-6
FRAMES = {1: 1, 2: 8, 13: 49, 16: 64, 21: 81}  # latent frames: frames


@pytest.mark.parametrize("frames", [1, 2, 3, 4, 7])
def test_the_vae_decodes_as_diffusers(vaes, native_vae, frames):
    theirs, stock = vaes
    latents = torch.randn(1, 16, frames, 2, 3, generator=torch.Generator().manual_seed(frames))
    with torch.inference_mode():
        corrected, as_shipped = native_vae.correct_vae(stock).decode(latents), stock.decode(latents)
    pictures = decoded(theirs, latents)
    assert distance(corrected, pictures) < EXACT
    assert (distance(as_shipped, pictures) > 1e-4) == (frames > 1)


@pytest.mark.parametrize("frames", [1, 9, 17])
def test_the_vae_encodes_as_diffusers(vaes, native_vae, frames):
    theirs, stock = vaes
    video = random_video(frames, 16, 24)
    with torch.inference_mode():
        corrected, as_shipped = native_vae.correct_vae(stock).encode(video), stock.encode(video)
    reference = encoded(theirs, video)
    assert distance(corrected, reference) < 1e-5
    assert (distance(as_shipped, reference) > 1e-4) == (frames > 1)


@pytest.fixture(scope="module")
def tiny(host, pack, tiny_folders):  # noqa: ARG001 - ComfyUI's modules must be importable first
    """Make tiny VAEs of every kind: {kind: (diffusers' VAE, ComfyUI's VAE)}."""
    loading = importlib.import_module(f"{pack.__name__}.nodes.native.loading")
    folders = importlib.import_module(f"{pack.__name__}.richspace_core.cogvideox.folder")
    return {
        kind: (
            AutoencoderKLCogVideoX.from_pretrained(folder / "vae"),
            loading._make_vae(folders.CogVideoXFolder.open(folder)),
        )
        for kind, folder in tiny_folders.items()
    }


@pytest.fixture
def theirs(tiny):
    return tiny["2b"][0]


@pytest.fixture
def stock(tiny):
    return tiny["2b"][1]


@pytest.fixture
def vae(stock, native_vae):
    return native_vae.correct_vae(stock)


def random_latents(frames, height=2, width=3, videos=1):
    return torch.randn(videos, 16, frames, height, width, generator=torch.Generator().manual_seed(frames))


def random_video(frames, height=16, width=24):
    return torch.rand(frames, height, width, 3, generator=torch.Generator().manual_seed(frames))


@torch.inference_mode()
def decoded(theirs, latents):
    """Decode with diffusers, in ComfyUI's layout of frames: ``[b, frames, height, width, 3]`` in 0..1."""
    return (theirs.decode(latents).sample / 2 + 0.5).clamp(0, 1).movedim(1, -1)


@torch.inference_mode()
def encoded(theirs, video):
    return theirs.encode((2 * video - 1).movedim(-1, 0)[None]).latent_dist.mode()


def decode_in_tiles(vae, latents, size=512, overlap=64, temporal_size=8, temporal_overlap=4):
    """Run ComfyUI's VAE Decode (Tiled)."""
    import nodes

    tiles = {"overlap": overlap, "temporal_size": temporal_size, "temporal_overlap": temporal_overlap}
    with torch.inference_mode():
        return nodes.VAEDecodeTiled().decode(vae, {"samples": latents}, size, **tiles)[0]


def encode_in_tiles(vae, video, size=512, overlap=64, temporal_size=8, temporal_overlap=4):
    """Run ComfyUI's VAE Encode (Tiled)."""
    import nodes

    with torch.inference_mode():
        return nodes.VAEEncodeTiled().encode(vae, video, size, overlap, temporal_size, temporal_overlap)[0]["samples"]


def blended(theirs, latents, tile, overlap):
    """Decode tiles that hold all frames with diffusers, and blend them as ComfyUI blends tiles."""
    from comfy.utils import tiled_scale_multidim

    frames = theirs.decode(latents[:, :, :, :1, :1]).sample.shape[2]
    return tiled_scale_multidim(
        latents,
        lambda each: theirs.decode(each).sample,
        tile=(latents.shape[2], tile, tile),
        overlap=(1, overlap, overlap),
        upscale_amount=(lambda count: frames if count > 1 else 1, 8, 8),
        index_formulas=(4, 8, 8),
    )


@pytest.mark.parametrize("temporal_size", [8, 24, 64])
@pytest.mark.parametrize("kind", KINDS)
def test_tiles_in_time_decode_as_diffusers(tiny, native_vae, kind, temporal_size):
    theirs, stock = tiny[kind]
    for latent_frames, frames in FRAMES.items():
        latents = random_latents(latent_frames)
        made = decode_in_tiles(native_vae.correct_vae(stock), latents, temporal_size=temporal_size)
        assert len(made) == frames
        assert distance(made, decoded(theirs, latents)[0]) < EXACT


def test_tiles_in_time_of_the_stock_vae_are_another_video(theirs, stock):
    latents = random_latents(21)
    assert distance(decode_in_tiles(stock, latents, temporal_size=64), decoded(theirs, latents)[0]) > 0.02
    assert distance(encode_in_tiles(stock, random_video(49)), encoded(theirs, random_video(49))) > 0.02


@pytest.mark.parametrize("temporal_size", [8, 64])
@pytest.mark.parametrize("kind", KINDS)
def test_tiles_in_time_encode_as_diffusers(tiny, native_vae, kind, temporal_size):
    theirs, stock = tiny[kind]
    for frames in (1, 7, 8, 9, 50, 81):
        video = random_video(frames)
        made, reference = (
            encode_in_tiles(native_vae.correct_vae(stock), video, temporal_size=temporal_size),
            encoded(theirs, video),
        )
        assert made.shape == reference.shape
        assert distance(made, reference) < 1e-5


@pytest.mark.parametrize("latent_frames", [2, 5])
def test_tiles_in_space_are_blended_from_whole_times(theirs, vae, latent_frames):
    latents = random_latents(latent_frames, 12, 20, videos=2)
    with torch.inference_mode():
        expected = blended(theirs, latents, 8, 2)
    expected = (expected / 2 + 0.5).clamp(0, 1).movedim(1, -1)
    made = decode_in_tiles(vae, latents, size=64, overlap=16).unflatten(0, (2, -1))
    assert distance(made, expected) < EXACT
    whole = decoded(theirs, latents)
    assert 1e-3 < distance(made, whole) < 0.5  # seams in space stay


def test_tiles_in_space_are_encoded_in_whole_times(theirs, vae):
    video = random_video(17, 96, 160)
    made = encode_in_tiles(vae, video, size=64, overlap=16)
    whole = encoded(theirs, video)
    assert made.shape == whole.shape
    alone = encoded(theirs, video[:, :64, :64])
    assert distance(made[..., :6, :6], alone[..., :6, :6]) < 1e-5  # the first tile, before what is blended
    assert 1e-3 < distance(made, whole) < 0.5  # seams in space stay


class TestOutOfMemory:
    """ComfyUI tries again in tiles of 256 pixels when memory runs out."""

    @pytest.fixture
    def little_memory(self, stock):
        """Make memory run out above 256 pixels; the list has the frames of each group."""
        network, groups = stock.first_stage_model, []

        def fail(_, inputs):
            groups.append(inputs[0].shape[2])
            if inputs[0].shape[-1] * (8 if inputs[0].shape[1] == 16 else 1) > 256:
                raise torch.OutOfMemoryError("full")

        hooks = [part.register_forward_pre_hook(fail) for part in (network.encoder, network.decoder)]
        yield groups
        for hook in hooks:
            hook.remove()

    @pytest.fixture
    def enough_memory(self, vae):
        """Return the result of tiles of 256 pixels that are asked for."""
        return lambda call, values: call(vae, values, size=256, overlap=64)

    def test_decoding(self, vae, enough_memory, little_memory):
        latents = random_latents(7, 4, 40)
        expected = enough_memory(decode_in_tiles, latents)
        little_memory.clear()
        with torch.inference_mode():
            assert torch.equal(vae.decode(latents)[0], expected)
        assert little_memory == [3, *[3, 2, 2] * 2]

    def test_encoding(self, vae, enough_memory, little_memory):
        video = random_video(25, 32, 320)
        expected = enough_memory(encode_in_tiles, video)
        little_memory.clear()
        with torch.inference_mode():
            assert torch.equal(vae.encode(video), expected)
        assert little_memory == [9, *[9, 8, 8] * 2]


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_types(theirs, stock, native_vae, dtype):
    import comfy.sd

    made = native_vae.correct_vae(stock)
    assert isinstance(made, comfy.sd.VAE)
    latents = random_latents(5)
    reference = decoded(theirs, latents)[0]
    made.vae_dtype = dtype
    stock.first_stage_model.to(dtype)
    try:
        with torch.inference_mode():
            whole = made.decode(latents)[0]
        assert torch.equal(decode_in_tiles(made, latents), whole)
    finally:
        stock.first_stage_model.to(torch.float32)
        stock.first_stage_model.load_state_dict(theirs.state_dict())
    assert whole.dtype == torch.float32
    assert distance(whole, reference) < 0.03  # two or three decimal places, through a dozen layers


def test_several_videos_are_each_its_own(vae):
    latents = random_latents(5, videos=2)
    both = decode_in_tiles(vae, latents)
    alone = [decode_in_tiles(vae, each) for each in latents.split(1)]
    assert distance(both, torch.cat(alone)) < EXACT
    with torch.inference_mode():
        assert distance(vae.decode(latents).flatten(0, 1), both) < EXACT


def test_the_estimate_of_memory_grows_with_the_picture_and_not_with_the_frames(vae, stock):
    def decoding(frames, side=60, of=vae):
        return of.memory_used_decode((1, 16, frames, side, 90), torch.bfloat16)

    def encoding(frames, side=480, of=vae):
        return of.memory_used_encode((1, 3, frames, side, 720), torch.bfloat16)

    assert decoding(1) < decoding(2) < decoding(3) == decoding(13) == decoding(21) == decoding(3, of=stock)
    assert encoding(1) < encoding(9) < encoding(15) == encoding(49) == encoding(81) == encoding(15, of=stock)
    assert decoding(13, side=120) == 2 * decoding(13)
    assert decoding(13, of=stock) > 5 * decoding(13)


class TestProgress:
    def test_whole(self, vae, progress):
        with torch.inference_mode():
            vae.decode(random_latents(7))
            vae.encode(random_video(17))
        assert [event[:2] for event in progress if event[0] == event[1]] == [(3, 3), (2, 2)]
        assert progress[0][:2] == (1, 3)

    def test_in_tiles(self, vae, progress):
        decode_in_tiles(vae, random_latents(5, 12, 20, videos=2), size=64, overlap=16)
        assert progress[0][:2] == (1, 2 * 2 * 2 * 3)
        assert progress[-1][:2] == (24, 24)

    @pytest.mark.parametrize("run", [decode_in_tiles, lambda vae, latents: vae.decode(latents)])
    def test_a_cancel_ends_it_within_a_group(self, vae, progress, management, run):
        groups = []
        hook = vae.first_stage_model.decoder.register_forward_hook(lambda *_: groups.append(1))
        progress.on_step = lambda _: management.interrupt_current_processing()
        with torch.inference_mode(), pytest.raises(management.InterruptProcessingException):
            run(vae, random_latents(13))
        hook.remove()
        assert len(groups) == 1  # the second was begun and not finished
        assert not management.processing_interrupted()


class TestWhatCameIn:
    def test_stays_as_it_is(self, stock, native_vae):
        latents = random_latents(5)
        before = decode_in_tiles(stock, latents)
        corrected = native_vae.correct_vae(stock)
        assert distance(decode_in_tiles(corrected, latents), before) > 1e-3
        assert torch.equal(decode_in_tiles(stock, latents), before)
        assert not stock.handles_tiling
        assert not stock.patcher.object_patches

    def test_may_be_corrected_before(self, vae, native_vae):
        again = native_vae.correct_vae(vae)
        latents = random_latents(5)
        assert torch.equal(decode_in_tiles(again, latents), decode_in_tiles(vae, latents))
        assert again.memory_used_decode(latents.shape, torch.float32) == vae.memory_used_decode(
            latents.shape, torch.float32
        )

    def test_may_be_cloned_for_another_device(self, vae, tiny):
        fresh = tiny["5b"][1].patcher
        vae.patcher.cached_patcher_init = (lambda: fresh, ())
        clone = vae.patcher.deepclone_multigpu()
        groups = []
        hook = fresh.model.decoder.register_forward_hook(lambda *_: groups.append(1))
        with torch.inference_mode():
            clone.patch_model()
            clone.model.decode(random_latents(5))
            clone.unpatch_model()
        hook.remove()
        assert len(groups) == 2  # its own network did it, in groups
