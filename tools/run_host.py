"""`dev.py host`: run a ComfyUI with this pack until Ctrl-C."""

from __future__ import annotations

import argparse
import sys

from comfyui.server import ComfyServer
from environment.checkout import RUN
from environment.programs import ToolError, end_on_sigterm


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


def main() -> int:
    """Read the command line and run the server; return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--listen", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("options", nargs="*", help="further arguments of ComfyUI's main.py, after --")
    arguments = parser.parse_args()
    end_on_sigterm()
    try:
        serve(ComfyServer(RUN / "host", port=arguments.port, listen=arguments.listen, options=arguments.options))
    except ToolError as error:
        sys.stderr.write(f"\n{error}\n")
        return 1
    except KeyboardInterrupt:
        return 130  # dev.py is interrupted too, and prints it
    return 0


if __name__ == "__main__":
    sys.exit(main())
