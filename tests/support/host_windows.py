"""ComfyUI's context windows over the frames of a MODEL. ComfyUI's modules must be importable."""


def in_windows(model, length, *, overlap=0, schedule="standard_static", fuse="flat", **changes):
    """Apply Context Windows (Manual) over the frames."""
    from comfy_extras.nodes_context_windows import ContextWindowsManualNode

    settings = {
        "context_stride": 1,
        "closed_loop": False,
        "dim": 2,
        "freenoise": False,
        "cond_retain_index_list": "",
        "latent_retain_index_list": "",
    } | changes
    node = ContextWindowsManualNode
    return node.execute(
        model,
        context_length=length,
        context_overlap=overlap,
        context_schedule=schedule,
        fuse_method=fuse,
        **settings,
    ).result[0]
