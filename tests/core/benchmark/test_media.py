"""Contents of a clip's files: what is encoded can be read again."""

import io

import torch

from richspace_core.benchmark.media import decode_latents_file, encode_latents, encode_video


def test_a_video_keeps_its_frames():
    import av

    frames = torch.linspace(0, 1, 5 * 32 * 48 * 3).reshape(5, 32, 48, 3)
    with av.open(io.BytesIO(encode_video(frames))) as video:
        decoded = [torch.from_numpy(frame.to_ndarray(format="rgb24")) for frame in video.decode(video=0)]
    assert (torch.stack(decoded).float() / 255 - frames).abs().mean() < 0.02


def test_latents_keep_every_bit():
    latents = torch.randn(1, 3, 4, 8, 8).to(torch.bfloat16)
    assert torch.equal(decode_latents_file(encode_latents(latents.transpose(3, 4)), "clip"), latents.transpose(3, 4))
