"""``python -m richspace_core.benchmark``."""

import sys

from .cli import main

sys.exit(main())
