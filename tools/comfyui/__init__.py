"""A real ComfyUI for programs and tests: as a server, in the browser, or imported into this process."""
