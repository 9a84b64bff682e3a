"""Read and check the points of a prediction, and the budgets of a plan."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from scalinglaws.arrays import BoolArray, FloatArray
from scalinglaws.core.law import Law
from scalinglaws.core.parameters import positive_variables
from scalinglaws.errors import DataError
from scalinglaws.fitting.tables import columns as col
from scalinglaws.numerals import abridged, format_plain, listed, parse_number

_LEAST = 1e-100  # and its inverse the most: a budget whose powers are numbers

_BEST = " For the best division of compute use sl.optimal(fit, C=...)."


def read_points(
    law: Law,
    names: Mapping[str, str],
    data: pd.DataFrame | Mapping[str, Any] | None,
    variables: Mapping[str, Any],
    compute_ratio: float | None = None,
) -> dict[str, npt.NDArray[Any]]:
    """Columns under the law's names, from a table, or from a mapping and keywords.

    Parameters
    ----------
    law : the law to evaluate
    names : the column that each variable and each index had in the fitted table
    data, variables : as in `Fit.predict`, anything but a mapping as `frame_of_points` returns it
    compute_ratio : C / (N*D), where C may be left out

    Raises
    ------
    DataError
        If a table has no column for a variable, or something in it is no number.
    ValueError
        If a variable is missing, unknown, or has an impossible value.
    """
    if isinstance(data, pd.DataFrame):
        if variables:
            raise ValueError(f"Pass a table or {listed(sorted(variables))}, not both.")
        return _checked(law, _columns_of(law, names, data))
    if not isinstance(data, Mapping | pd.Series | None):
        raise TypeError(
            "`data` must be a DataFrame, something with to_pandas(), a mapping or a list of rows "
            f"as mappings; got {abridged(data)}."
        )
    given = {**dict({} if data is None else data), **variables}
    named = _named(law, names, given, compute_ratio)
    return _checked(law, {name: _read(law, name, value) for name, value in named.items()})


def frame_of_points(data: Any) -> Any:
    """What is a table as a DataFrame; a mapping, or nothing, as it is."""
    frame = col.frame_of(data, "data")
    return data if frame is None else frame


def to_values(name: str, value: Any) -> FloatArray:
    """Numbers given as such or as text such as "7B".

    Raises
    ------
    ValueError
        If they are none.
    """
    if isinstance(value, str):
        return np.asarray(parse_number(value))
    try:
        # of a list, items stay what they are: NumPy would make a number of a truth value
        array = np.asarray(value, object if isinstance(value, list | tuple) else None)
        if array.dtype.kind in "iuf":
            return array.astype(np.float64)
        if array.dtype.kind in "UO":
            numbers = [col.item_to_float(item) for item in array.ravel()]
            return np.array(numbers, dtype=np.float64).reshape(array.shape)
    except (TypeError, ValueError, OverflowError) as error:
        reason = f" ({error})" if isinstance(error, ValueError) else ""
        raise ValueError(
            f"{name} must be a number or numbers; got {abridged(value)}{reason}."
        ) from error
    raise ValueError(f"{name} must be a number or numbers; got {abridged(value)}.")


def _columns_of(
    law: Law, names: Mapping[str, str], frame: pd.DataFrame
) -> dict[str, npt.NDArray[Any]]:
    """Variables from a table, by the law's names, the fitted table's, or the usual ones."""
    found: dict[str, npt.NDArray[Any]] = {}
    for variable, fitted_name in names.items():
        here = [name for name in (fitted_name, variable) if name in frame.columns]
        name = here[0] if here else col.resolve_variable(frame, variable, {})
        column = col.one_column(frame, name)
        is_label = variable in law.group_columns
        found[variable] = column.to_numpy(dtype=object) if is_label else col.to_floats(column, name)
    return found


def _named(
    law: Law, names: Mapping[str, str], given: Mapping[str, Any], compute_ratio: float | None
) -> dict[str, Any]:
    """Values under the law's names; what the law does not use may be given all the same."""
    wanted = (*law.variables, *law.group_columns)
    by_column = {column: variable for variable, column in names.items()}
    named: dict[str, Any] = {}
    for name, value in given.items():
        variable = by_column.get(name, name)
        if variable in named:
            raise ValueError(f"{variable} is given twice: by this name and as {names[variable]!r}.")
        if variable in wanted:
            named[variable] = value
        elif variable not in ("N", "D", "C"):
            raise ValueError(f"The law has no variable {name!r}; it has {', '.join(wanted)}.")
    missing = [v for v in wanted if v not in named]
    if missing == ["C"] and compute_ratio is not None:
        named["C"] = compute_ratio * to_values("N", named["N"]) * to_values("D", named["D"])
        missing = []
    if missing:
        raise ValueError(
            f"The prediction needs {', '.join(missing)}: the law is {law.formula}. "
            f"Pass {', '.join(f'{name}=...' for name in wanted)}{_known_groups(law, missing)}."
            f"{_BEST if 'C' in given and {'N', 'D'} <= set(missing) else ''}"
        )
    return named


def _known_groups(law: Law, columns: Sequence[str]) -> str:
    """The groups that may be asked for."""
    return "".join(
        f"; {column} is one of {listed(list(law.levels[column]), most=20)}"
        for column in columns
        if column in law.group_columns
    )


def _read(law: Law, name: str, value: Any) -> npt.NDArray[Any]:
    """Numbers of a variable, or labels of a column that is an index."""
    if name not in law.group_columns:
        return to_values(name, value)
    return np.asarray(value, object)


def _checked(law: Law, columns: dict[str, npt.NDArray[Any]]) -> dict[str, npt.NDArray[Any]]:
    """Refuse values for which the law has none, and shapes that do not go together."""
    positive = positive_variables(law.parsed.expression, law.variables)
    law.places(columns)  # refuses groups that are not known
    for name in law.variables:
        values = columns[name]
        wrong = ~np.isfinite(values) | ((values <= 0) & (name in positive))
        if np.any(wrong):
            raise ValueError(
                f"{name} must be positive and finite; got {np.ravel(values)[np.ravel(wrong)][0]:g}."
            )
    try:
        np.broadcast_shapes(*(np.shape(values) for values in columns.values()))
    except ValueError:
        shapes = [f"{name} has shape {np.shape(v)}" for name, v in columns.items() if np.ndim(v)]
        raise DataError(f"The points do not go together: {listed(shapes)}.") from None
    return columns


def positive_number(name: str, value: Any) -> float:
    """One positive number, given as such or as text."""
    found = positive_numbers(name, value)
    if len(found) != 1:
        raise ValueError(f"`{name}` must be one number; got {value!r}.")
    return float(found[0])


def positive_numbers(name: str, value: Any) -> FloatArray:
    """Positive numbers, given as such or as text, as a flat array.

    Raises
    ------
    ValueError
        If one of them is not positive and finite, or has powers that are not.
    """
    found = to_values(f"`{name}`", value).ravel()
    wrong: BoolArray = ~((found >= _LEAST) & (found <= 1 / _LEAST))
    if wrong.any() or not len(found):
        shown = format_plain(found[wrong][0]) or "nan" if len(found) else "nothing"
        limits = "" if not len(found) or not 0 < found[wrong][0] < np.inf else ", 1e-100 to 1e100"
        raise ValueError(f"`{name}` must be positive and finite{limits}; got {shown}.")
    return found
