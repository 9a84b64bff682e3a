"""From runs to one table, by one rule: the last value of each metric, with where it came from."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import pandas as pd

from scalinglaws.errors import DataError, DataWarning, warn
from scalinglaws.numerals import listed, plural
from scalinglaws.readers.given import Given, GivenCount, read_given
from scalinglaws.readers.logged_quantities import (
    Count,
    Loss,
    choose_loss,
    count_from_shape,
    find_count,
    last_step,
    series_count,
    total,
)
from scalinglaws.readers.logs import N_OF_TOTAL_FLOS, RunLog, to_number

Every = Literal["eval", "step"] | None
_FROM_FLOPS = "total_flos / 6N"
_FIRST = ("run", "step", "N", "D", "C", "loss")


class Source(dict[str, Any]):
    """Where a table came from: a plain mapping that prints as sentences."""

    def __repr__(self) -> str:
        lines: list[str] = []
        for key, items in self.items():
            names_of: dict[str, list[str]] = {}
            for name, item in items.items() if isinstance(items, Mapping) else enumerate(items):
                names_of.setdefault(str(item), []).append(str(name))
            if isinstance(items, Mapping):  # columns with one origin share a line
                texts = [f"{', '.join(names)}: {item}" for item, names in names_of.items()]
            else:
                texts = list(names_of)
            lines += [f"{key}:", *(f"  {text}" for text in texts)] if texts else []
        return "\n".join(lines)

    __str__ = __repr__


@dataclass
class _Table:
    """Rows under construction, and what there is to tell about them."""

    every: Every
    metric: str | None
    given: dict[str, GivenCount]
    rows: list[dict[str, Any]] = field(default_factory=list)
    sources: dict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    guessed: Counter[str] = field(default_factory=Counter)
    notes: list[str] = field(default_factory=list)


def merge_parts(logs: Iterable[RunLog]) -> list[RunLog]:
    """One log a run, with parts of the same run merged in the order of time, and distinct names."""
    runs: dict[tuple[str, str], RunLog] = {}
    for log in sorted(logs, key=lambda log: log.started):
        first = runs.setdefault((log.layout, log.key), log)
        if first is not log:
            first.absorb(log)
    merged = sorted(runs.values(), key=lambda log: log.origin)
    for more in ("layout", "key"):
        names = Counter(log.name for log in merged)
        for log in merged:
            if names[log.name] > 1:
                log.name = f"{log.name} ({getattr(log, more)})"
    return merged


def tabulate(
    logs: Sequence[RunLog], every: Every, metric: str | None, given: dict[str, Given]
) -> pd.DataFrame:
    """One row a run, or one for each step that was logged or evaluated.

    Raises
    ------
    DataError
        If `metric` is in no run, or no step would become a row.
    """
    table = _Table(every, metric, {name: read_given(item, name) for name, item in given.items()})
    choices = [choose_loss(_metric_names(run), metric) for run in logs]
    if metric is not None and not any(choices):
        names = sorted({name for run in logs for name in _metric_names(run)})
        raise DataError(
            f"No run has the metric {metric!r}; "
            f"they have {listed([repr(n) for n in names], most=20)}."
        )
    for run, losses in zip(logs, choices, strict=True):
        _add_run(table, run, losses)
    if not table.rows:
        raise DataError(
            f"No run has a step with {'a loss' if metric is None else repr(metric)}; "
            "name a metric that was logged with metric=, or read every='step'."
        )
    frame = _frame(table)
    frame.attrs["source"] = Source(
        files=dict(Counter(run.layout for run in logs)),
        columns={name: _tell(counts) for name, counts in table.sources.items()},
        guessed=[f"{text} ({plural(n, 'run')})" for text, n in table.guessed.items()],
        skipped=[],
        notes=list(dict.fromkeys(table.notes)),
    )
    _warn_of_losses(logs, choices, metric)
    _warn_of_missing(frame)
    for text in frame.attrs["source"]["guessed"]:
        warn(f"Guessed: {text}.", DataWarning)
    return frame


def _metric_names(run: RunLog) -> list[str]:
    numbers = (n for n, item in run.summary.items() if to_number(item) is not None)
    return list(dict.fromkeys([*run.series, *numbers]))


def _tell(counts: Counter[str]) -> str:
    if len(counts) == 1:
        return next(iter(counts))
    return "; ".join(f"{text} ({plural(n, 'run')})" for text, n in counts.most_common())


# --- rows of one run ---------------------------------------------------------------------------


def _add_run(table: _Table, run: RunLog, losses: list[Loss]) -> None:
    counts = {
        variable: count
        for variable in ("N", "D", "C")
        if (count := _count(table, run, variable)) is not None
    }
    origins = {variable: count.source for variable, count in counts.items()}
    loss = losses[0] if len(losses) == 1 else None
    if loss is not None:
        origins["loss"] = f"{loss.name!r} ({loss.kind})"
    origins |= {name: "the configuration" for name in run.config if name not in _FIRST}
    steps = _steps(table.every, run, [loss.name for loss in losses])
    values = {name: count.at(np.array(steps)) for name, count in counts.items()}
    for index, step in enumerate(steps):
        row = _row(table, run, step, loss)
        row |= {name: float(column[index]) for name, column in values.items()}
        origins |= _fill_given(table, run, row)
        for name in _FIRST:
            if name in run.config and run.config[name] != row[name]:
                row[f"configured {name}"] = run.config[name]
        table.rows.append(row)
    for name, text in origins.items():
        table.sources[name][text] += 1
    if origins.get("D", "").startswith(_FROM_FLOPS):
        table.guessed[f"D = {origins['D']}"] += 1
    table.notes += [*run.notes, *_notes(table, run, steps, loss)]


def _row(table: _Table, run: RunLog, step: float, loss: Loss | None) -> dict[str, Any]:
    """Settings and metrics; a metric may have the name of a setting, or of a column of ours."""
    row: dict[str, Any] = {"run": run.name, "step": step, **dict.fromkeys(("N", "D", "C"))}
    row["loss"] = None if loss is None else _loss_at(run, loss.name, step)
    row |= {name: item for name, item in run.config.items() if name not in _FIRST}
    taken = run.config.keys() | set(_FIRST)
    values = _values(table, run, step)
    return row | {f"logged {n}" if n in taken else n: item for n, item in values.items()}


def _steps(every: Every, run: RunLog, names: list[str]) -> list[float]:
    """The steps that become rows; a run without steps has one row, at no step."""
    if not run.series:
        return [math.nan]
    if every == "step":
        return sorted({step for values in run.series.values() for step in values})
    steps = {step for name in names for step in _finite(run.series.get(name, {}))}
    return sorted(steps) if every == "eval" else [max(steps, default=last_step(run))]


def _finite(values: Mapping[float, float]) -> list[float]:
    return [step for step, value in values.items() if not math.isnan(value)]


def _loss_at(run: RunLog, name: str, step: float) -> float | None:
    if name in run.series:
        return run.series[name].get(step)
    return to_number(run.summary.get(name))


def _values(table: _Table, run: RunLog, step: float) -> dict[str, Any]:
    """Metrics of a row: at its step, or the last that are numbers where a row is a run."""
    if table.every is not None and run.series:
        return {name: values.get(step) for name, values in run.series.items()}
    metrics: dict[str, Any] = {n: item for n, item in run.summary.items() if n not in run.series}
    for name, values in run.series.items():
        usable = _finite(values)
        metrics[name] = values[max(usable)] if usable else math.nan
    return metrics


def _notes(table: _Table, run: RunLog, steps: list[float], loss: Loss | None) -> list[str]:
    notes: list[str] = []
    if run.overwritten or run.skipped:
        notes.append(
            f"{run.name}: {run.overwritten:,} values were logged again (the later ones count), "
            f"{run.skipped:,} rows had no step."
        )
    if not steps:
        notes.append(f"{run.name}: no row, since no {table.metric or 'loss'} was logged.")
    values = run.series.get(loss.name, {}) if loss is not None else {}
    if values and loss is not None and not math.isfinite(values[max(values)]):
        notes.append(f"{run.name}: the last {loss.name!r}, at step {max(values):g}, is no number.")
    return notes


# --- N, D and C --------------------------------------------------------------------------------


def _count(table: _Table, run: RunLog, variable: str) -> Count | None:
    """A count by its usual names, the shape, or the column of a given product."""
    given = table.given.get(variable)
    if given is not None:
        return series_count(run, given.column, given.factor, given.origin)
    count = find_count(run, variable)
    return count_from_shape(run) if count is None and variable == "N" else count


def _fill_given(table: _Table, run: RunLog, row: dict[str, Any]) -> dict[str, str]:
    """Counts that the user gave, and tokens from the FLOPs that Hugging Face reports."""
    origins: dict[str, str] = {}
    for variable, given in table.given.items():
        if row[variable] is None:
            row[variable], origins[variable] = given.of_row(row), given.origin
            if given.is_total and variable == "D" and table.every is not None:
                share = total(row["D"], run, given.origin).at(np.array([row["step"]]))
                row["D"] = float(share[0])
                origins["D"] = f"{given.origin}, the total in proportion to the step"
    counted = run.config.get(N_OF_TOTAL_FLOS) or row["N"]
    if row["D"] is None and "total_flos" in run.summary and counted and row["C"]:
        row["D"] = row["C"] / (6 * counted)
        exact = N_OF_TOTAL_FLOS in run.config
        origins["D"] = _FROM_FLOPS + (" without embeddings" if exact else ", embeddings and all")
    return origins


# --- the table ---------------------------------------------------------------------------------


def _frame(table: _Table) -> pd.DataFrame:
    names = dict.fromkeys(_FIRST)
    for row in table.rows:
        names.update(dict.fromkeys(row))
    frame = pd.DataFrame({name: [row.get(name) for row in table.rows] for name in names})
    for name in ("N", "D", "C", "loss"):
        frame[name] = frame[name].astype(np.float64)
    if frame["step"].notna().all() and (frame["step"] % 1 == 0).all():
        frame["step"] = frame["step"].astype(np.int64)
    empty = [name for name in ("C", "loss", "step") if frame[name].isna().all()]
    logged = "last value logged" if table.every is None else "value logged at the step"
    for column in frame.columns.difference(list(_FIRST), sort=False):
        if column not in table.sources:
            table.sources[column][logged] += 1
    return frame.drop(columns=empty)


def _warn_of_losses(
    logs: Sequence[RunLog], choices: Sequence[list[Loss]], metric: str | None
) -> None:
    if metric is not None:
        missing = [run.name for run, losses in zip(logs, choices, strict=True) if not losses]
        if missing:
            warn(f"{listed(missing)} did not log {metric!r}.", DataWarning)
        return
    unclear = {tuple(loss.name for loss in losses) for losses in choices if len(losses) > 1}
    for names in unclear:
        warn(
            f"Several metrics could be the loss: {listed([repr(n) for n in names])}. "
            "Say which with metric=.",
            DataWarning,
        )
    chosen = [losses[0] for losses in choices if len(losses) == 1]
    training = sorted({loss.name for loss in chosen if not loss.held_out})
    if training:
        warn(
            f"No held-out loss in {plural(sum(not loss.held_out for loss in chosen), 'run')}: "
            f"the training loss {listed([repr(n) for n in training])} is taken.",
            DataWarning,
        )
    if len({loss.family for loss in chosen}) > 1:
        families = listed(sorted({f"{loss.name!r} ({loss.family})" for loss in chosen}))
        warn(f"The runs log losses in different units: {families}.", DataWarning)


_HOW = {
    "N": 'N={"run-a": "1B"}, a file with such a table, or a pattern on the run\'s name',
    "D": 'D="step * 524288", D={"run-a": "20B"}, or a file with such a table',
}


def _warn_of_missing(frame: pd.DataFrame) -> None:
    for variable, how in _HOW.items():
        missing = frame.loc[frame[variable].isna(), "run"].astype(str).unique()
        if len(missing):
            text = f"{variable} is not in the logs of {listed(list(missing))}. Give it: {how}."
            frame.attrs["source"]["notes"].append(text)
            warn(text, DataWarning)
