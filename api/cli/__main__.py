"""``python -m mezan.api.cli``."""

import sys

from .main import main

sys.exit(main())
