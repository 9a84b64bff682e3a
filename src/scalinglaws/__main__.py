"""Entry point of ``python -m scalinglaws``."""

import sys

from scalinglaws.cli import main

sys.exit(main())
