"""`dev.py host`: run a ComfyUI with this pack until Ctrl-C."""

from __future__ import annotations

import argparse
import sys

from comfyui.server import ComfyServer
from environment.checkout import RUN
from environment.programs import run_to_the_end


def serve(server: ComfyServer) -> None:
    """Run the server until Ctrl-C or until it ends by itself."""
    sys.stdout.write("Starting ComfyUI ...\n")
    with server:
        sys.stdout.write(
            f"ComfyUI with this pack: {server.address}\n"
            f"  models:  {server.base / 'models'}\n"
            f"  outputs: {server.base / 'output'}\n"
            f"  log:     {server.log}\n"
            "Press Ctrl-C to stop it.\n"
        )
        sys.stdout.flush()
        server.join()


def main() -> None:
    """Read the command line and run the server."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--listen", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("options", nargs="*", help="further arguments of ComfyUI's main.py, after --")
    arguments = parser.parse_args()
    serve(ComfyServer(RUN / "host", port=arguments.port, listen=arguments.listen, options=arguments.options))


if __name__ == "__main__":
    sys.exit(run_to_the_end(main))
