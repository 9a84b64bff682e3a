"""Which column plays which role, and its values as floating-point numbers."""

from __future__ import annotations

import difflib
import fnmatch
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from scalinglaws.arrays import FloatArray
from scalinglaws.errors import DataError
from scalinglaws.numerals import listed, parse_number

# Usual names of each variable, the best first.
_VARIABLE_ALIASES: Mapping[str, tuple[str, ...]] = {
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
# Text that stands for a missing value.
_MISSING = ("", "-", "n/a", "na", "none", "null", "nat")
# Targets in front of ~ that only say "the performance".
_GENERIC_TARGETS = ("loss", "L", "y", "performance")


def as_frame(runs: Any, name: str = "runs") -> pd.DataFrame:
    """Any table as a DataFrame.

    Raises
    ------
    TypeError
        If it is none.
    """
    if isinstance(runs, pd.DataFrame):
        return runs
    if hasattr(runs, "to_pandas"):
        return pd.DataFrame(runs.to_pandas())
    if isinstance(runs, Mapping):
        return pd.DataFrame(dict(runs))
    hint = "; read a file with sl.read_runs(path)" if isinstance(runs, str) else ""
    raise TypeError(
        f"`{name}` must be a DataFrame, something with to_pandas(), or a mapping of columns; "
        f"got {type(runs).__name__}{hint}."
    )


def find_variable(frame: pd.DataFrame, variable: str) -> str | None:
    """Column of a variable by its usual names; None if there is none."""
    aliases = _VARIABLE_ALIASES.get(variable, (variable,))
    return _first_present(frame, aliases, variable)


def usual_variable(name: str) -> str | None:
    """The variable that a name usually stands for, such as N for "params"."""
    for variable, aliases in _VARIABLE_ALIASES.items():
        if len(name) > 1 and name.lower() in {alias.lower() for alias in aliases}:
            return variable
    return None


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
        raise TypeError(f"{where} must name a column by text; got {column!r}.")
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
    """
    if column.ndim != 1:
        raise DataError(f"The table has more than one column called {name!r}; rename one of them.")
    kind = column.dtype
    if pd.api.types.is_bool_dtype(kind) or pd.api.types.is_datetime64_any_dtype(kind):
        raise DataError(f"Column {name!r} holds {kind} values; numbers are needed.")
    if pd.api.types.is_complex_dtype(kind):
        raise DataError(f"Column {name!r} holds complex numbers; real ones are needed.")
    if pd.api.types.is_numeric_dtype(kind):
        return column.to_numpy(dtype=np.float64, na_value=np.nan)
    values = np.empty(len(column))
    wrong: list[str] = []
    for place, (label, item) in enumerate(column.items()):
        try:
            values[place] = _item_to_float(item)
        except (ValueError, TypeError, OverflowError):
            wrong.append(f"{label} ({item!r})")
    if wrong:
        raise DataError(
            f"Column {name!r} holds something that is not a number in row"
            f"{'s' if len(wrong) > 1 else ''} {listed(wrong)}. "
            "Numbers may be written as 7000000000, 7e9, 7,000,000,000 or 7B."
        )
    return values


def _item_to_float(item: Any) -> float:
    if item is None or item is pd.NA or item is pd.NaT:
        return float("nan")
    if isinstance(item, str) and item.strip().lower() in _MISSING:
        return float("nan")
    if isinstance(item, bool | np.bool_):
        raise TypeError("a truth value is not a number")
    return parse_number(item) if isinstance(item, str) else float(item)
