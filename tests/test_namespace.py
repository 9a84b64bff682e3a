"""The face of the package: what a user calls, and nothing that takes long to import."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import scalinglaws as sl

# Packages in the order of docs/architecture.md: each imports only from those before it.
LAYERS = (
    "display", "core", "fitting", "transformer", "readers", "forecasting", "planning", "plotting",
    "report", "cli",
)  # fmt: skip


def test_the_package_shows_what_a_user_calls() -> None:
    """Public names alone; each of them is there."""
    assert dir(sl) == sorted([*sl.__all__, "__version__"])
    assert all(hasattr(sl, name) for name in dir(sl))
    assert callable(sl.plotting.plot_fit)


def test_slow_libraries_are_imported_when_needed() -> None:
    """Neither matplotlib nor the heavy parts of scipy, nor databases and archives."""
    slow = ["matplotlib", "scipy.stats", "scipy.signal", "scipy.interpolate", "sqlite3"]
    used = "import sys, scalinglaws as sl; [getattr(sl, n) for n in dir(sl) if n != 'plotting']"
    code = f"{used}; print([m for m in {slow} if m in sys.modules])"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"


def test_the_list_of_verbs_needs_no_numbers() -> None:
    """The help of the terminal is there before NumPy could be."""
    code = "import sys, scalinglaws.cli as c; c.main([]); print('numpy' in sys.modules)"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.endswith("False\n")


def test_packages_import_only_what_lies_below_them() -> None:
    """At module level; methods may import what draws or reports when they are called."""
    root = Path(sl.__file__).parent
    upwards = [
        f"{file.relative_to(root)} imports {name}"
        for layer in LAYERS
        for file in (root / layer).rglob("*.py")
        for name in _imported(ast.parse(file.read_text(encoding="utf-8")))
        if _layer(name) > LAYERS.index(layer)
        or (name.startswith("matplotlib") and layer not in ("plotting", "report"))
    ]
    assert upwards == []


def _layer(name: str) -> int:
    """Place of a module's package; below all of them where it is in none."""
    parts = [*name.split("."), ""]
    known = parts[0] == "scalinglaws" and parts[1] in LAYERS
    return LAYERS.index(parts[1]) if known else -1


def _imported(node: ast.AST) -> Iterator[str]:
    """Modules imported at module level, other than for types."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.ImportFrom):
            yield from (f"{child.module}.{alias.name}" for alias in child.names)
        elif isinstance(child, ast.Import):
            yield from (alias.name for alias in child.names)
        elif isinstance(child, ast.If) and "TYPE_CHECKING" in ast.dump(child.test):
            continue
        elif not isinstance(child, ast.FunctionDef):
            yield from _imported(child)
