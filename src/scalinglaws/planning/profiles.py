"""IsoFLOP profiles: the best size on each budget, and how it grows (Chinchilla's approach 2)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from scalinglaws.arrays import BoolArray, FloatArray
from scalinglaws.errors import DataWarning, warn
from scalinglaws.fitting.tables import columns as col
from scalinglaws.numerals import format_compute, listed, plural
from scalinglaws.options import check_count, check_level, check_option, check_share, generator_of
from scalinglaws.planning.bias import Bias, Truth, bias_of, stated
from scalinglaws.planning.budgets import (
    Budget,
    RunColumns,
    count_sizes,
    find_budgets,
    read_columns,
)
from scalinglaws.planning.subject import DEFAULT_RESAMPLES, LawWithValues, Rng, numbers
from scalinglaws.planning.trend import (
    Trend,
    carried_on,
    exponent_table,
    fit_trend,
    interval,
    precision_of,
)
from scalinglaws.planning.valleys import METHODS, valley

_POLYNOMIAL = {"parabola": 2, "akima": 4}  # around which a profile's own noise is measured
_SAME = 1e-3  # spread of compute inside a budget that needs no correction


@dataclass(frozen=True, eq=False)
class IsoFLOP:
    """Optima of IsoFLOP profiles and their growth with compute; see :func:`scalinglaws.isoflop`.

    Attributes
    ----------
    optima : DataFrame
        One row for each budget: ``C``, ``runs``, ``sizes``, ``N``, ``D`` and the performance at
        the minimum with ``_low`` and ``_high``, and ``status``: "ok", or why it was refused.
    exponents : DataFrame
        Rows N and D: ``exponent`` of compute with ``low`` and ``high``, ``coefficient`` at
        C = 1 with ``_low`` and ``_high``.
    bias : Bias or None
        What this very design and method would get wrong if a law fitted to the runs were true.
    method : str
    noise : float
        Relative noise of a run's performance behind the intervals.
    confidence_level : float
    no_bias : str
        Why no bias is stated, where one was asked for.
    """

    optima: pd.DataFrame
    exponents: pd.DataFrame
    bias: Bias | None
    method: str
    noise: float
    confidence_level: float
    no_bias: str
    runs: RunColumns = field(repr=False)
    budgets: tuple[Budget, ...] = field(repr=False)
    adjusted: FloatArray = field(repr=False)
    trends: Mapping[str, Trend] = field(repr=False)

    def predict(self, C: npt.ArrayLike | str) -> pd.DataFrame:
        """The trend at other budgets: ``C``, ``N`` and ``D`` with intervals, ``times_beyond``."""
        used = self.optima["status"] == "ok"
        largest = float(self.optima.loc[used, "C"].max())
        return carried_on(self.trends, numbers("C", C), largest, self.confidence_level)

    @property
    def refused(self) -> pd.Series:
        """Budgets that have no optimum, with the reason."""
        return self.optima.loc[self.optima["status"] != "ok", "status"]

    @property
    def left_out(self) -> int:
        """How many runs share no budget with others."""
        return len(self.runs.N) - int(self.optima["runs"].sum())

    def __repr__(self) -> str:
        lines = [f"IsoFLOP profiles, {self.method}: {plural(len(self.optima), 'budget')}"]
        for name, row in self.exponents.iterrows():
            lines.append(
                f"  {name} ~ C^{row['exponent']:.4f}  ({row['low']:.4f} to {row['high']:.4f}, "
                f"{100 * self.confidence_level:g} %)"
            )
        if self.left_out:
            lines.append(f"  {plural(self.left_out, 'run')} of {len(self.runs.N)} share no budget")
        lines += [f"  refused {label}: {reason}" for label, reason in self.refused.items()]
        if self.bias is not None or self.no_bias:
            lines.append(f"  {self.bias.sentence if self.bias else self.no_bias}")
        return "\n".join(lines)


def isoflop(
    runs: Any,
    *,
    y: str | None = None,
    columns: Mapping[str, str] | None = None,
    budgets: npt.ArrayLike | str | None = None,
    tolerance: float = 0.05,
    method: Literal["parabola", "akima"] = "parabola",
    weighted: bool = True,
    noise: float | None = None,
    truth: LawWithValues | str | None = "chinchilla",
    confidence_level: float = 0.95,
    n_resamples: int = DEFAULT_RESAMPLES,
    rng: Rng = 0,
) -> IsoFLOP:
    """Find the best size on each budget from the runs alone, and how it grows with compute.

    Parameters
    ----------
    runs : DataFrame
        One row per run, with N, the performance, and C or D; C is 6ND where the table has none.
    y, columns : optional
        As in :func:`scalinglaws.fit`.
    budgets : array or str, optional
        The budgets, or a column that has them; by default they are found in C.
    tolerance : float
        How far, as a share, C may be from a budget.
    method : {"parabola", "akima"}
        A parabola in ln N (Hoffmann et al. 2022), or Akima's interpolation of the logarithm in
        ln N (Porian et al. 2024).
    weighted : bool
        Weigh budgets by the precision of their minima.
    noise : float, optional
        Relative noise of a run; by default from the scatter around the profiles, which includes
        what these miss.
    truth : str, Fit or published law, optional
        The law that the stated bias refers to: a name or a line of maths to be fitted to these
        runs, or a law with coefficients. None states none.
    confidence_level, n_resamples, rng
        Level of the intervals, the number of noisy copies behind them, and their seed.

    Returns
    -------
    IsoFLOP

    Raises
    ------
    DataError
        If no runs share a budget, or fewer than two budgets have a minimum between their runs.

    Warns
    -----
    DataWarning
        If budgets were refused: their minimum is not bracketed, or too few sizes were trained.

    Notes
    -----
    Where C varies inside a budget, performances are first moved to its mean along one slope that
    all budgets share. Each noisy copy of the runs has its own minima and its own trend; where the
    minima scatter around the trend by more than their noise, intervals are widened by that ratio.
    A budget is refused if its minimum is not between its smallest and largest model, or if its
    curvature is not two standard errors above zero.

    References
    ----------
    Hoffmann et al. 2022, arXiv:2203.15556, section 3.2; Porian et al. 2024, arXiv:2406.19146; on
    the bias Czech et al. 2026, arXiv:2603.22339.

    Examples
    --------
    >>> import numpy as np, pandas as pd, scalinglaws as sl
    >>> steps, C = (g.ravel() for g in np.meshgrid(np.geomspace(1 / 4, 4, 9), [1e19, 1e20, 1e21]))
    >>> N = 0.1 * C**0.5 * steps
    >>> D = C / (6.0 * N)
    >>> runs = pd.DataFrame({"N": N, "D": D, "loss": 1.7 + 400 / N**0.34 + 410 / D**0.34})
    >>> found = sl.isoflop(runs)
    >>> print(f"{found.exponents.loc['N', 'exponent']:.2f}")
    0.50
    """
    check_option("method", method, METHODS)
    check_level(confidence_level)
    check_count("n_resamples", n_resamples, 0)
    known_noise = None if noise is None else check_share("noise", noise)
    table = read_columns(runs, y, columns)
    if isinstance(budgets, str) and budgets in col.as_frame(runs):
        budgets = np.unique(col.to_floats(col.as_frame(runs)[budgets], budgets))
    groups = tuple(find_budgets(table, budgets, tolerance))
    adjusted = _at_their_budget(table, groups)
    found_noise, dof = _noise(table, groups, adjusted, method)
    if known_noise is not None:
        found_noise, dof = known_noise, 0
    copies = _copies(adjusted, found_noise, dof, n_resamples, rng)
    minima = _minima(table, groups, copies, method)
    log_c = np.log([group.C for group in groups])
    precision = precision_of(minima.log_n[1:]) if weighted else None
    trends = {
        "N": fit_trend(log_c, minima.log_n, precision),
        "D": fit_trend(log_c, minima.log_d, precision),
    }
    optima = _optima(table, groups, minima, confidence_level)
    fine = (optima["status"] == "ok").to_numpy()
    bias, no_bias = stated(
        truth,
        table,
        lambda law: _bias(law, table, groups, fine, method, precision, confidence_level),
    )
    found = IsoFLOP(
        optima, exponent_table(trends, confidence_level), bias, method, found_noise,
        confidence_level, no_bias, table, groups, adjusted, trends,
    )  # fmt: skip
    _warn_refused(found)
    return found


@dataclass(frozen=True)
class _Minima:
    log_n: FloatArray  # (copies, budgets)
    log_d: FloatArray
    y: FloatArray
    refusals: tuple[str, ...]


def _at_their_budget(table: RunColumns, groups: tuple[Budget, ...]) -> FloatArray:
    """Performances moved to the compute of their budget, along a slope that all budgets share."""
    offset = np.zeros(len(table.C))
    for group in groups:
        offset[group.rows] = np.log(table.C[group.rows]) - np.log(group.C)
    if np.abs(offset).max() < _SAME:
        return table.y
    left: list[FloatArray] = []
    right: list[FloatArray] = []
    for group in groups:
        x = np.log(table.N[group.rows])
        degree = min(2, len(np.unique(np.round(x, 4))) - 1)
        design = np.vander(x - x.mean(), degree + 1)
        basis = np.linalg.qr(design)[0]
        for source, kept in ((offset[group.rows], left), (np.log(table.y[group.rows]), right)):
            kept.append(source - basis @ (basis.T @ source))
    moved, response = np.concatenate(left), np.concatenate(right)
    size = float(moved @ moved)
    slope = float(moved @ response) / size if size > 0 else 0.0
    return np.asarray(table.y * np.exp(-slope * offset))


def _noise(
    table: RunColumns, groups: tuple[Budget, ...], adjusted: FloatArray, method: str
) -> tuple[float, int]:
    """Relative scatter of runs around smooth profiles, and its degrees of freedom."""
    total, dof = 0.0, 0
    for group in groups:
        x, log_y = np.log(table.N[group.rows]), np.log(adjusted[group.rows])
        sizes = count_sizes(table.N[group.rows])
        degree = min(_POLYNOMIAL[method], sizes - 2)
        if degree < 2:
            continue
        design = np.vander(x - x.mean(), degree + 1)
        residual = log_y - design @ np.linalg.lstsq(design, log_y, rcond=None)[0]
        total += float(residual @ residual)
        dof += len(x) - degree - 1
    return (float(np.sqrt(total / dof)), dof) if dof > 0 else (0.0, 0)


def _copies(
    performance: FloatArray, noise: float, dof: int, n_resamples: int, rng: Rng
) -> FloatArray:
    """The runs as they are, then as they might have been."""
    generator = generator_of(rng)
    steps = generator.standard_normal((n_resamples, len(performance)))
    if dof > 0:  # the noise itself is known only so well
        steps *= np.sqrt(dof / generator.chisquare(dof, n_resamples))[:, None]
    return np.concatenate([performance[None, :], performance * np.exp(noise * steps)])


def _minima(
    table: RunColumns, groups: tuple[Budget, ...], copies: FloatArray, method: str
) -> _Minima:
    log_n, log_d, lowest, refusals = [], [], [], []
    for group in groups:
        x = np.log(table.N[group.rows])
        found = valley(x, copies[:, group.rows], method)
        at = np.full(len(copies), np.nan) if found.refusal else found.x
        log_n.append(at)
        log_d.append(tokens_along(table, group)(at))
        lowest.append(np.where(np.isnan(at), np.nan, found.y))
        refusals.append(found.refusal)
    return _Minima(
        np.stack(log_n, axis=1), np.stack(log_d, axis=1), np.stack(lowest, axis=1), tuple(refusals)
    )


def tokens_along(table: RunColumns, group: Budget) -> np.poly1d:
    """Ln D as a polynomial of ln N on a budget; a line of slope -1 where C is 6ND."""
    x = np.log(table.N[group.rows])
    # D on the budget itself: its runs may be a little off
    log_d = np.log(table.D[group.rows]) + np.log(group.C / table.C[group.rows])
    degree = min(2, len(np.unique(np.round(x, 4))) - 1)
    centred = np.polynomial.Polynomial.fit(x, log_d, degree) if degree else None
    if centred is None:
        return np.poly1d([float(log_d.mean())])
    return np.poly1d(centred.convert().coef[::-1])


def _optima(
    table: RunColumns, groups: tuple[Budget, ...], minima: _Minima, level: float
) -> pd.DataFrame:
    frame = pd.DataFrame(
        {
            "C": [group.C for group in groups],
            "runs": [len(group.rows) for group in groups],
            "sizes": [count_sizes(table.N[g.rows]) for g in groups],
        },
        index=pd.Index([format_compute(group.C) for group in groups], name="budget"),
    )
    for name, values in (
        ("N", np.exp(minima.log_n)), ("D", np.exp(minima.log_d)), (table.target, minima.y),
    ):  # fmt: skip
        low, high = interval(values[1:], level)
        refused = np.isnan(values[0])
        frame[name] = values[0]
        frame[f"{name}_low"] = np.where(refused, np.nan, low)
        frame[f"{name}_high"] = np.where(refused, np.nan, high)
    frame["status"] = [reason or "ok" for reason in minima.refusals]
    return frame


def _bias(
    truth: Truth,
    table: RunColumns,
    groups: tuple[Budget, ...],
    fine: BoolArray,
    method: str,
    precision: FloatArray | None,
    level: float,
) -> Bias:
    """The same analysis of exact performances, on the budgets that have an optimum."""
    usable = tuple(group for group, is_fine in zip(groups, fine, strict=True) if is_fine)

    def estimate(performance: FloatArray) -> tuple[FloatArray, FloatArray]:
        minima = _minima(table, usable, performance, method)
        return minima.log_n, minima.log_d

    tokens = [tokens_along(table, group) for group in usable]
    own = None if precision is None else precision[fine]
    return bias_of(truth, table, usable, tokens, estimate, own, level)


def _warn_refused(found: IsoFLOP) -> None:
    if len(found.refused):
        reasons = [f"{label} ({reason})" for label, reason in found.refused.items()]
        warn(
            f"{plural(len(reasons), 'budget')} of {len(found.optima)} "
            f"{'has' if len(reasons) == 1 else 'have'} no optimum: {listed(reasons)}.",
            DataWarning,
        )
