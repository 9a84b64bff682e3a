"""Find the column of each variable, and read its values as floating-point numbers."""

from __future__ import annotations

import difflib
import fnmatch
from collections.abc import Mapping, Sequence
from decimal import Decimal
from numbers import Real
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from scalinglaws.arrays import FloatArray, IntArray
from scalinglaws.errors import DataError, DataWarning, warn
from scalinglaws.numerals import (
    abridged,
    has_doubtful_comma,
    has_suffix,
    listed,
    parse_number,
)

# Usual names of each variable, the best first.
VARIABLE_ALIASES: Mapping[str, tuple[str, ...]] = {
    "N": (
        "N", "params", "n_params", "num_params", "parameters", "n_parameters", "num_parameters",
        "parameter_count", "model_num_parameters", "params_total", "model_size", "Model Size",
    ),
    "D": (
        "D", "tokens", "n_tokens", "num_tokens", "total_tokens", "training_tokens", "train_tokens",
        "tokens_trained", "tokens_seen", "n_tokens_seen", "num_input_tokens_seen",
        "consumed_tokens", "throughput/total_tokens", "throughput/total tokens", "time/token",
    ),
    "C": (
        "C", "compute", "flops", "FLOPs", "training_flops", "flops_budget", "budget",
        "Training FLOP", "total_flos", "total_training_flops", "total_flops",
    ),
}  # fmt: skip
# Usual names of the performance, the best first; those of one group exclude each other.
_PERFORMANCE_ALIASES: tuple[tuple[str, ...], ...] = (
    ("loss",),
    (
        "eval_loss", "eval/loss", "val_loss", "val/loss", "validation_loss", "test_loss",
        "validation_metrics/loss", "lm loss validation", "metrics/eval/LanguageCrossEntropy",
        "eval/*/CrossEntropyLoss", "final_loss",
    ),
    ("bits_per_byte", "bpb", "val_bpb", "val/bpb", "eval/*/bpb"),
    ("perplexity", "ppl", "val_ppl", "eval_perplexity"),
    ("performance", "error", "error_rate", "accuracy", "acc", "eval_accuracy", "bleu", "score",
     "win_rate", "pass_rate", "pass@1", "reward"),
)  # fmt: skip
# Words in the names of perplexities, and of all losses of language models.
PERPLEXITIES = ("perplexity", "ppl")
LOSSES = ("loss", *PERPLEXITIES, "bpb", "bits", "entropy")
# Rows written out in a message.
_MOST_LISTED = 8
# Text that stands for a missing value.
_MISSING = ("", "-", "n/a", "na", "none", "null", "nat")
# Targets in front of ~ that only say "the performance".
_GENERIC_TARGETS = ("loss", "L", "y", "performance")


def as_frame(runs: Any, name: str = "runs") -> pd.DataFrame:
    """Any table with rows as a DataFrame.

    Raises
    ------
    TypeError
        If it is none.
    DataError
        If it has no rows, or cannot be converted.
    """
    frame = frame_of(runs, name)
    if frame is None and isinstance(runs, Mapping):
        frame = _from_columns(runs, name)
    if frame is None:
        hint = "; read a file with sl.read_runs(path)" if isinstance(runs, str | Path) else ""
        raise TypeError(
            f"`{name}` must be a DataFrame, something with to_pandas(), a mapping of columns or a "
            f"list of rows as mappings; got {type(runs).__name__}{hint}."
        )
    if not len(frame):
        raise DataError(f"The table of runs is empty: `{name}` has no rows.")
    return frame


def frame_of(table: Any, name: str) -> pd.DataFrame | None:
    """A DataFrame of what is a table by its type; None for anything else, as for a mapping.

    Raises
    ------
    DataError
        If its own conversion fails.
    """
    if isinstance(table, pd.DataFrame):
        return table
    if hasattr(table, "to_pandas"):
        try:
            return pd.DataFrame(table.to_pandas())
        except ImportError as error:
            raise DataError(
                f"`{name}` cannot be converted by its to_pandas(), which needs a package that is "
                f"not installed ({error})."
            ) from error
    if isinstance(table, list | tuple) and table and all(isinstance(r, Mapping) for r in table):
        try:
            return pd.DataFrame([dict(row) for row in table])
        except (TypeError, ValueError) as error:
            raise DataError(f"`{name}` cannot be read as rows: {error}.") from error
    return None


def _from_columns(columns: Mapping[Any, Any], name: str) -> pd.DataFrame:
    """A frame of a mapping of columns, whose lengths must agree; labels of rows are kept."""
    lengths = {str(key): _length(column) for key, column in columns.items()}
    flat = [key for key, n in lengths.items() if n is None]
    if flat:
        raise DataError(
            f"`{name}` needs a list or an array for each column; {listed(flat)} "
            f"{'holds' if len(flat) == 1 else 'hold'} one value."
        )
    if len(set(lengths.values())) > 1:
        sizes = [f"{key!r} has {n:,}" for key, n in lengths.items()]
        raise DataError(f"The columns of `{name}` differ in length: {listed(sizes)}.")
    try:
        return pd.DataFrame(dict(columns))
    except (TypeError, ValueError) as error:
        raise DataError(f"`{name}` cannot be read as columns: {error}.") from error


def _length(column: Any) -> int | None:
    """Number of items; None for a single value."""
    try:
        return None if isinstance(column, str | bytes | Mapping) else len(column)
    except TypeError:
        return None


def one_column(frame: pd.DataFrame, name: str) -> pd.Series:
    """A column by its name.

    Raises
    ------
    DataError
        If the table has several of that name.
    """
    column = frame[name]
    if column.ndim != 1:
        raise DataError(f"The table has more than one column called {name!r}; rename one of them.")
    return column


def named_columns(columns: object) -> dict[str, str]:
    """What `columns` says, a new dictionary; empty for None.

    Raises
    ------
    TypeError
        If it is no mapping.
    """
    if columns is None:
        return {}
    if not isinstance(columns, Mapping):
        raise TypeError(f"`columns` must map variables to column names; got {abridged(columns)}.")
    return dict(columns)


def find_variable(frame: pd.DataFrame, variable: str) -> str | None:
    """Column of a variable by its usual names; None if there is none."""
    aliases = VARIABLE_ALIASES.get(variable, (variable,))
    return _first_present(frame, aliases, variable)


def usual_variable(name: str) -> str | None:
    """The variable that a name usually stands for, such as N for "params"."""
    for variable, aliases in VARIABLE_ALIASES.items():
        if len(name) > 1 and name.lower() in {alias.lower() for alias in aliases}:
            return variable
    return None


def names_any(column: str, words: Sequence[str]) -> bool:
    """Whether one of some words is in the name of a column."""
    return any(word in column.lower() for word in words)


def find_performance(frame: pd.DataFrame) -> str:
    """Column of the performance by its usual names.

    Raises
    ------
    DataError
        If there is none, or two that are equally usual.
    """
    for group in _PERFORMANCE_ALIASES:
        found = _present(frame, group)
        if len(found) > 1:
            raise DataError(
                f"Several columns could be the performance: {listed([repr(c) for c in found])}. "
                "Say which with `y`."
            )
        if found:
            return found[0]
    raise DataError(
        "No column has a usual name for the performance, such as 'loss'. "
        f"{describe_columns(frame)} Say which it is with `y`."
    )


def resolve_target(frame: pd.DataFrame, y: str | None, target: str | None) -> str:
    """The performance column: `y`, else what the law names left of ``~``, else the usual names."""
    if y is not None:
        return require(frame, y, "`y`")
    if target is None or (target in _GENERIC_TARGETS and target not in frame.columns):
        return find_performance(frame)
    return require(frame, target, "the law's left side (`y` says which column is meant)")


def resolve_variable(frame: pd.DataFrame, variable: str, columns: Mapping[str, str]) -> str:
    """The column of one of the law's variables."""
    if variable in columns:
        return require(frame, columns[variable], f"`columns` for {variable}")
    found = find_variable(frame, variable)
    if found is None:
        raise DataError(
            f"The law needs {variable}, and the table has no column for it. "
            f"{describe_columns(frame)}{_nearest(variable, frame)} "
            f"Say which it is with columns={{{variable!r}: ...}}."
        )
    return found


def require(frame: pd.DataFrame, column: str, where: str) -> str:
    """The column itself, or an error that says which exist."""
    if not isinstance(column, str):
        raise TypeError(f"{where} must name a column by text; got {abridged(column)}.")
    if column in frame.columns:
        return column
    near = _nearest(column, frame)
    raise DataError(f"No column {column!r}, named by {where}. {describe_columns(frame)}{near}")


def describe_columns(frame: pd.DataFrame) -> str:
    """One sentence with the columns that exist."""
    if not len(frame.columns):
        return "The table has no columns."
    return f"The table has {listed([repr(str(c)) for c in frame.columns], most=20)}."


def _nearest(name: str, frame: pd.DataFrame) -> str:
    by_case = {str(c).lower(): str(c) for c in frame.columns}
    near = difflib.get_close_matches(name.lower(), by_case, n=1, cutoff=0.5)
    return f" Did you mean {by_case[near[0]]!r}?" if near else ""


def _present(frame: pd.DataFrame, aliases: tuple[str, ...]) -> list[str]:
    """Columns that match, in the order of the aliases; upper and lower case are told apart last."""
    names = [str(c) for c in frame.columns]
    found: dict[str, None] = {}
    for alias in aliases:
        for name in names:
            if name == alias or ("*" in alias and fnmatch.fnmatchcase(name, alias)):
                found.setdefault(name)
    if not found:
        lowered = [alias.lower() for alias in aliases if len(alias) > 1]
        found = dict.fromkeys(n for n in names if n.lower() in lowered)
    return list(found)


def _first_present(frame: pd.DataFrame, aliases: tuple[str, ...], variable: str) -> str | None:
    found = _present(frame, aliases)
    if not found:
        return None
    if found[0] == variable or len(found) == 1:
        return found[0]
    first = frame[found[0]]
    if all(frame[other].equals(first) for other in found[1:]):
        return found[0]
    raise DataError(
        f"Several columns could be {variable}: {listed([repr(c) for c in found])}. "
        f"Say which with columns={{{variable!r}: {found[0]!r}}}."
    )


def to_floats(column: pd.Series, name: str) -> FloatArray:
    """A column as float64; text such as "7B" or "1,000,000" is understood, missing becomes NaN.

    Raises
    ------
    DataError
        If something in it is not a number; the message lists the rows.

    Warns
    -----
    DataWarning
        If all of it is text such as "2,390", whose comma is taken to separate thousands.
    """
    if (commas := _doubtful_commas(column)) is not None:
        warn(
            f"Column {name!r} has numbers such as {commas}, read as thousands. If the comma is a "
            "decimal one, read the file with decimal=','.",
            DataWarning,
        )
    return _to_floats(column, name)


def performance_to_floats(column: pd.Series, name: str) -> FloatArray:
    """The performance as float64, where "2,390" and "2.39m" are no numbers.

    Raises
    ------
    DataError
        If something in it is not a number, or may be another one than it seems.
    """
    if (commas := _doubtful_commas(column)) is not None:
        raise DataError(
            f"Column {name!r} has numbers such as {commas}: their comma may separate decimals or "
            "thousands. Write a decimal point, or no comma (pandas.read_csv takes decimal=',')."
        )
    return _to_floats(column, name, suffixes=False)


def _doubtful_commas(column: pd.Series) -> str | None:
    """An example, if every text of a column has one comma that may be a decimal one."""
    if column.ndim != 1 or pd.api.types.is_numeric_dtype(column.dtype):
        return None
    texts = [x for x in column if isinstance(x, str) and x.strip().lower() not in _MISSING]
    return repr(texts[0]) if texts and all(map(has_doubtful_comma, texts)) else None


def _to_floats(column: pd.Series, name: str, *, suffixes: bool = True) -> FloatArray:
    if column.ndim != 1:
        raise DataError(f"The table has more than one column called {name!r}; rename one of them.")
    kind = column.dtype
    if pd.api.types.is_bool_dtype(kind) or pd.api.types.is_datetime64_any_dtype(kind):
        raise DataError(f"Column {name!r} holds {kind} values; numbers are needed.")
    if pd.api.types.is_complex_dtype(kind):
        raise DataError(f"Column {name!r} holds complex numbers; real ones are needed.")
    if pd.api.types.is_numeric_dtype(kind):
        with np.errstate(all="ignore"):  # of an extended float, the infinity is named later
            return column.to_numpy(dtype=np.float64, na_value=np.nan)
    values = np.empty(len(column))
    wrong: list[int] = []
    for place, item in enumerate(column):
        try:
            values[place] = item_to_float(item, suffixes=suffixes)
        except (ValueError, TypeError, OverflowError):
            wrong.append(place)
    if wrong:
        rows = row_names(column.index, wrong)
        shown = [f"{r} ({abridged(column.iloc[k])})" for r, k in zip(rows, wrong, strict=True)]
        how = (
            "7000000000, 7e9, 7,000,000,000 or 7B"
            if suffixes
            else "2.39 or 2.39e0, without a suffix"
        )
        raise DataError(
            f"Column {name!r} holds something that is not a number in row"
            f"{'s' if len(wrong) > 1 else ''} {listed(shown)}. Numbers may be written as {how}."
        )
    return values


def item_to_float(item: Any, *, suffixes: bool = True) -> float:
    """One number, as such or as text; NaN for what stands for a missing value.

    Raises
    ------
    TypeError, ValueError, OverflowError
        If it is none.
    """
    if item is None or item is pd.NA or item is pd.NaT:
        return float("nan")
    if isinstance(item, str) and item.strip().lower() in _MISSING:
        return float("nan")
    if isinstance(item, str):
        if not suffixes and has_suffix(item):
            raise ValueError("a performance has no suffix")
        return parse_number(item)
    if isinstance(item, bool | np.bool_) or not isinstance(item, Real | Decimal):
        raise TypeError("not a number")
    return float(item)


def row_names(index: pd.Index, places: Sequence[int] | IntArray) -> list[str]:
    """Rows by their labels, and by their positions too where labels repeat."""
    if index.is_unique:
        return [str(index[int(place)]) for place in places]
    return [f"{index[int(place)]} at position {int(place)}" for place in places]


def listed_rows(index: pd.Index, places: IntArray) -> str:
    """The names of some rows, the first few in words."""
    names = row_names(index, places[:_MOST_LISTED])
    return listed(names, n_more=len(places) - len(names))
