"""Makes `guarantee` importable: it is a command of this repository and not part of what is installed."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
