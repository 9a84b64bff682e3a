"""Fit scaling laws to training runs, see whether to trust them, and extrapolate.

>>> import scalinglaws as sl
>>> runs = sl.datasets.ladder()
>>> fit = sl.fit(runs[runs["D"] > 1.5e6], "kaplan")
>>> print(fit.status)
Converged: the optimum was reached, and no check found a problem.
"""

import ast as _ast
from importlib import import_module as _import_module
from pkgutil import get_data as _get_data
from typing import Any as _Any

__version__ = "0.1.0"

# Names and their modules, as the stub for type checkers imports them. They are imported when they
# are first used: NumPy, SciPy and pandas take half a second, and `scalinglaws --help` needs none.
_HOMES = {
    alias.name: node.module
    for node in _ast.parse(_get_data(__name__, "__init__.pyi") or b"").body
    if isinstance(node, _ast.ImportFrom) and node.module
    for alias in node.names
}
__all__ = sorted([*_HOMES, "laws"])  # noqa: PLE0605 - names in a list


def __getattr__(name: str) -> _Any:
    """A public name, imported when it is first used."""
    if name not in __all__:
        raise AttributeError(f"module 'scalinglaws' has no attribute {name!r}")
    if name == "laws":
        found: _Any = _import_module("scalinglaws.core.catalogue").Laws()
    elif (home := _HOMES[name]) == __name__:
        found = _import_module(f"{home}.{name}")
    else:
        found = getattr(_import_module(home), name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
