"""Names of a CogVideoX transformer's weights, as diffusers publishes them and as ComfyUI names them."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor

_RENAMED = (  # diffusers' name, ComfyUI's name
    ("transformer_blocks.", "blocks."),
    (".attn1.to_out.0.", ".attn_out."),
    (".attn1.to_q.", ".q."),
    (".attn1.to_k.", ".k."),
    (".attn1.to_v.", ".v."),
    (".attn1.norm_q.", ".norm_q."),
    (".attn1.norm_k.", ".norm_k."),
    (".ff.net.0.proj.", ".ff_proj."),
    (".ff.net.2.", ".ff_out."),
    ("time_embedding.linear_1.", "time_embedding_linear_1."),
    ("time_embedding.linear_2.", "time_embedding_linear_2."),
    ("ofs_embedding.linear_1.", "ofs_embedding_linear_1."),
    ("ofs_embedding.linear_2.", "ofs_embedding_linear_2."),
)


def host_keys(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return a transformer's weights under ComfyUI's names; names that are ComfyUI's already stay."""
    return {_host_key(key): value for key, value in weights.items()}


def published_key(key: str) -> str:
    """Return diffusers' name of a transformer's weight that ComfyUI names `key`."""
    for published, host in _RENAMED:
        key = key.replace(host, published)
    return key


def _host_key(key: str) -> str:
    for published, host in _RENAMED:
        key = key.replace(published, host)
    return key
