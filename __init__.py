"""ComfyUI-RichSpace: mix prompts at the point that a guide sentence means."""

WEB_DIRECTORY = "web"


async def comfy_entrypoint() -> object:
    """Called by ComfyUI when it loads the pack; nothing heavier than the node schemas is imported before."""
    from .nodes import RichSpaceExtension

    return RichSpaceExtension()
