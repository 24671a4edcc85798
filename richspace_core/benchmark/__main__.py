"""Entry point of ``python -m richspace_core.benchmark``."""

import sys

from .cli import main

if __name__ == "__main__":
    sys.exit(main())
