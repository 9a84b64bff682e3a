"""Fit one law separately to each group of a table: `fit_each`."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping, Sequence
from copy import copy
from dataclasses import dataclass
from functools import partial
from itertools import islice
from typing import Any

import pandas as pd

from scalinglaws.core.groups import distinct_labels, warn_of_look_alikes
from scalinglaws.core.law import Law
from scalinglaws.display import Card, Column, Displayed, Table
from scalinglaws.errors import DataError, ScalingLawError, ScalingLawWarning, no_warnings, warn
from scalinglaws.fitting.fit import fit
from scalinglaws.fitting.inference.prediction import Prediction
from scalinglaws.fitting.inference.reach import stacked_reaches
from scalinglaws.fitting.result import Fit
from scalinglaws.fitting.solver.side_by_side import run_side_by_side
from scalinglaws.fitting.tables import columns as col
from scalinglaws.numerals import abridged, format_error, format_to, listed, plural
from scalinglaws.workers import Workers, map_tasks

_MOST_SHOWN = 30
_TOGETHER = 64  # series fitted as one batch, for any number of workers


class Fits(Displayed, Mapping[Hashable, Fit]):
    """Separate fits of several series, keyed by the name of the series."""

    def __init__(self, fits: Mapping[Any, Fit], reasons: Mapping[Any, str]) -> None:
        self._fits: dict[Any, Fit] = dict(fits)
        self._reasons = dict(reasons)

    def __getitem__(self, name: Hashable) -> Fit:
        if name not in self._fits:
            reason = f" It failed: {self._reasons[name]}" if name in self._reasons else ""
            raise KeyError(
                f"There is no fit of {name!r}; there are {listed([repr(n) for n in self])}.{reason}"
            )
        return self._fits[name]

    def __iter__(self) -> Iterator[Hashable]:
        return iter(self._fits)

    def __len__(self) -> int:
        return len(self._fits)

    @property
    def failed(self) -> pd.Series:
        """Series whose fit failed, with the reason."""
        return pd.Series(self._reasons, name="reason", dtype=object).rename_axis("series")

    @property
    def table(self) -> pd.DataFrame:
        """Concatenated parameter tables; the series is the outer index."""
        tables = {name: fit.table for name, fit in self.items()}
        return pd.concat(tables, names=["series"]) if tables else pd.DataFrame()

    @property
    def params(self) -> pd.DataFrame:
        """Estimates, with one row per series and one column per parameter."""
        frame = pd.DataFrame({name: fit.params for name, fit in self.items()}).T
        frame.index.name = "series"
        return frame

    @property
    def status(self) -> pd.Series:
        """The verdict on each fit."""
        values = {name: fit.status.name for name, fit in self.items()}
        return pd.Series(values, name="status", dtype=object).rename_axis("series")

    def predict(
        self,
        data: Any = None,
        /,
        *,
        confidence_level: float | None = None,
        **variables: Any,
    ) -> pd.DataFrame:
        """Predict the same points by every fit.

        Parameters
        ----------
        data, confidence_level, **variables
            As in `Fit.predict`.

        Returns
        -------
        DataFrame
            One row per series and point; the outer index has the series.
        """
        frames = {}
        for name, own in self.items():
            found = own.predict(data, confidence_level=confidence_level, **variables)
            frames[name] = found.to_frame() if isinstance(found, Prediction) else found
        together: pd.DataFrame = pd.concat(frames, names=["series"])
        return together

    def reach(self, value: Any, /, **options: Any) -> pd.DataFrame:
        """Value of the variable at which each fit reaches a performance.

        Parameters
        ----------
        value : number or array
            Performance to reach.
        **options
            Options of `Fit.reach`.

        Returns
        -------
        DataFrame
            One row per series and value.
        """
        return stacked_reaches(
            {name: own.reach(value, **options) for name, own in self.items()}, "series"
        )

    def _card(self) -> Card:
        good = [name for name, fit in self.items() if fit.status.good]
        doubtful = [
            f"{name}: {fit.status.value}" for name, fit in self.items() if not fit.status.good
        ]
        law = f" of {next(iter(self.values())).law.label}" if self else ""
        return Card(
            f"{plural(len(self), 'fit')}{law}: {len(good)} converged without a "
            f"problem, {len(doubtful)} doubtful, {len(self._reasons)} failed.",
            tables=(self._overview(),),
            caveats=(*(f"No fit of {n!r}: {why}" for n, why in self._reasons.items()), *doubtful),
            more="fits.status and fits.failed",
            next=f"fits[{next(iter(self))!r}]".replace("'", '"') if self else "",
        )

    def _overview(self) -> Table:
        """A row for each series: runs, estimates, noise and verdict."""
        shown = dict(islice(self.items(), _MOST_SHOWN))
        names = dict.fromkeys(name for fit in shown.values() for name in fit.law.parameter_names)
        columns = [
            Column("series", tuple(map(str, shown)), left=True),
            Column("runs", tuple(f"{fit.n:,}" for fit in shown.values())),
            *(Column(p, tuple(_estimate(fit, p) for fit in shown.values())) for p in names),
            Column("noise", tuple(format_error(fit.noise) for fit in shown.values())),
            Column("status", tuple(_words(fit) for fit in shown.values()), left=True),
        ]
        more = len(self) - len(shown)
        return Table(tuple(columns), note=f"{more:,} more: fits.params has all." if more else "")


def _estimate(fit: Fit, name: str) -> str:
    if name not in fit.table.index:
        return ""
    row = fit.table.T[name]
    return format_to(float(row["estimate"]), float(row["std_error"]))


def _words(fit: Fit) -> str:
    return fit.status.name.lower().replace("_", " ")


@dataclass(frozen=True)
class _Task:
    """Some series that are fitted together."""

    runs: Sequence[pd.DataFrame]
    law: str | Law
    options: Mapping[str, Any]


def fit_each(
    runs: Any, law: str | Law = "power", *, by: str | Sequence[str], workers: Workers = 1,
    **options: Any,
) -> Fits:  # fmt: skip
    """Fit a law separately to each group of a table.

    Parameters
    ----------
    runs, law
        As in :func:`scalinglaws.fit`.
    by : str or sequence of str
        Column, or columns, that name the series of each run.
    workers : int or callable, default 1
        Number of processes, -1 for one per processor, or a map-like callable such as the ``map``
        of a pool, of joblib or of a cluster client. A task is 64 series, which are minimised
        together. The fits do not depend on the workers. For a progress bar, pass
        ``lambda function, tasks: map(function, tqdm(tasks))``.
    **options
        Passed to :func:`scalinglaws.fit`.

    Returns
    -------
    Fits
        A mapping from the name of each series (a tuple if `by` has several columns) to its `Fit`,
        with a common ``table``, ``params`` and ``status``. Runs without a series are ignored.

    Raises
    ------
    DataError
        If a column of `by` does not exist, or all fits failed.
    TypeError
        If `by` is not a column name or a list of them.

    Warns
    -----
    ScalingLawWarning
        Once, if some fits are doubtful or failed.
    DataWarning
        If names of series are nearly equal, such as "C4" and "c4".

    Examples
    --------
    >>> import scalinglaws as sl
    >>> runs = sl.datasets.ladder()
    >>> runs = runs[runs["N"].isin([8400, 23712, 103344])]
    >>> fits = sl.fit_each(runs, "power-floor", by="N", columns={"D": "D"})
    >>> list(fits.params.columns)
    ['E', 'a', 'c']
    """
    frame = col.as_frame(runs)
    names, series = _series(frame, _keys(frame, by))
    tasks = [
        _Task(series[first : first + _TOGETHER], law, options)
        for first in range(0, len(series), _TOGETHER)
    ]
    answers = [answer for some in map_tasks(_fit_together, tasks, workers) for answer in some]
    fits = {n: a for n, a in zip(names, answers, strict=True) if isinstance(a, Fit)}
    reasons = {n: a for n, a in zip(names, answers, strict=True) if not isinstance(a, Fit)}
    if not fits:
        first = next(iter(reasons.values()), "the table has no series.")
        raise DataError(f"No series of {by!r} can be fitted: {first}")
    result = Fits(fits, reasons)
    doubtful = [repr(name) for name, one in fits.items() if not one.status.good]
    if doubtful or reasons:
        parts = []
        if doubtful:
            parts.append(
                f"{len(doubtful)} of {len(fits)} fits are doubtful: {listed(doubtful)}; see "
                "`status`."
            )
        if reasons:
            lost = listed([repr(name) for name in reasons])
            parts.append(f"{len(reasons)} series have no fit: {lost}; see `failed`.")
        warn(" ".join(parts), ScalingLawWarning)
    return result


def _keys(frame: pd.DataFrame, by: object) -> list[str]:
    """The columns that name the series; warns of nearly equal labels."""
    keys = [by] if isinstance(by, str) else list(by) if isinstance(by, list | tuple) else []
    if not keys:
        raise TypeError(f"`by` must name a column, or several in a list; got {abridged(by)}.")
    for key in keys:
        labels = col.one_column(frame, col.require(frame, key, "`by`"))
        warn_of_look_alikes(distinct_labels(labels, key)[1], key)
    return keys


def _series(frame: pd.DataFrame, keys: list[str]) -> tuple[list[Any], list[pd.DataFrame]]:
    """Names of the series in sorted order, and the runs of each."""
    by = keys[0] if len(keys) == 1 else keys
    try:
        groups = list(frame.groupby(by, sort=True, observed=True))
    except UnicodeEncodeError as error:
        raise DataError(
            f"{by!r} has the label {error.object[:20]!r}, which is no valid text. Correct it."
        ) from error
    return [name for name, _ in groups], [runs for _, runs in groups]


def _fit_together(task: _Task) -> list[Fit | str]:
    """Fits, or reasons for their failure; warnings are silent, since the status has them."""
    with no_warnings():
        return run_side_by_side(
            [partial(_fit_or_reason, runs, task.law, task.options) for runs in task.runs]
        )


def _fit_or_reason(runs: pd.DataFrame, law: str | Law, options: Mapping[str, Any]) -> Fit | str:
    try:
        # what was computed on the way would fill the memory, and is computed again where needed
        return copy(fit(runs, law, **options))
    except ScalingLawError as error:
        return str(error)
    except Exception as error:  # noqa: BLE001 - the other series have their fits
        return f"{type(error).__name__}: {error}"
