"""The face of the package: what a user calls, and nothing that takes long to import."""

from __future__ import annotations

import subprocess
import sys

import scalinglaws as sl


def test_the_package_shows_what_a_user_calls() -> None:
    """Public names alone; each of them is there."""
    assert dir(sl) == sorted([*sl.__all__, "__version__"])
    assert all(hasattr(sl, name) for name in dir(sl))
    assert callable(sl.plotting.plot_fit)


def test_slow_libraries_are_imported_when_needed() -> None:
    """Neither matplotlib nor the heavy parts of scipy, nor databases and archives."""
    slow = ["matplotlib", "scipy.stats", "scipy.signal", "scipy.interpolate", "sqlite3"]
    code = f"import sys, scalinglaws; print([m for m in {slow} if m in sys.modules])"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"
