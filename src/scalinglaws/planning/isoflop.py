"""IsoFLOP profiles: the best size on each budget, and how it grows (Chinchilla's approach 2)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from scalinglaws.arrays import FloatArray
from scalinglaws.display import Card, Displayed
from scalinglaws.errors import DataError, DataWarning, warn
from scalinglaws.fitting.diagnostics.residual_tests import Residuals, effects_in
from scalinglaws.fitting.tables import columns as col
from scalinglaws.fitting.tables.points import positive_numbers
from scalinglaws.numerals import format_compute, listed, plural
from scalinglaws.options import (
    check_count,
    check_level,
    check_option,
    check_share,
    is_number,
)
from scalinglaws.planning.analysis_cards import isoflop_card
from scalinglaws.planning.bias import Bias, Truth, bias_of, stated
from scalinglaws.planning.budgets import (
    TOLERANCE,
    Budget,
    RunColumns,
    count_sizes,
    find_budgets,
    read_columns,
)
from scalinglaws.planning.isoflop_profiles import (
    METHODS,
    RISE,
    WINDOW,
    Minima,
    bracketed_profiles,
    minima_of,
    noisy_copies,
    profile_noise,
    standard_errors,
    tokens_along,
)
from scalinglaws.planning.law_with_values import LawWithValues, Rng
from scalinglaws.planning.optima_trend import (
    PowerLaw,
    carried_on,
    checked_prior,
    exponent_table,
    fit_trend,
    power_laws_with_prior,
    precision_of,
)
from scalinglaws.planning.sampled import DEFAULT_RESAMPLES, central_interval

if TYPE_CHECKING:
    from matplotlib.axes import Axes


@dataclass(frozen=True, eq=False, repr=False)
class IsoFLOP(Displayed):
    """Optima of IsoFLOP profiles and their growth with compute; see :func:`scalinglaws.isoflop`.

    Attributes
    ----------
    optima : DataFrame
        One row for each budget: ``C``, ``runs``, ``sizes``, ``used`` (runs near the minimum),
        ``N``, ``D`` and the performance at the minimum with ``_low`` and ``_high``, and
        ``status``: "ok", why the interval is cut, or why the budget was refused.
    exponents : DataFrame
        Rows N and D: ``exponent`` of compute with ``low`` and ``high``, ``coefficient`` at
        C = 1 with ``_low`` and ``_high``; ``scatter``, see the notes of :func:`isoflop`, missing
        with `exponent_prior`.
    bias : Bias or None
        Bias of this design and method if a law fitted to the runs were true.
    method : str
        "parabola" or "akima".
    noise : float
        Relative noise of a run's performance behind the intervals.
    confidence_level : float
        Level of the intervals.
    no_bias : str
        Reason for a missing bias, if one was requested.
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
    trends: Mapping[str, PowerLaw] = field(repr=False)

    def predict(self, C: npt.ArrayLike | str) -> pd.DataFrame:
        """Optimal N and D at other budgets, by the power law in compute.

        Parameters
        ----------
        C : float, str or array
            Compute budgets.

        Returns
        -------
        DataFrame
            ``C``, ``N`` and ``D`` with ``_low`` and ``_high``, and ``times_beyond``.
        """
        largest = float(self.optima.loc[self.optima["N"].notna(), "C"].max())
        return carried_on(self.trends, positive_numbers("C", C), largest, self.confidence_level)

    def plot(
        self, *, ax: Axes | None = None, labels: bool = True, title: bool | str | None = None
    ) -> Axes:
        """Draw the profiles and their minima; see `scalinglaws.plotting.plot_isoflop`.

        Parameters
        ----------
        ax : Axes, optional
            Axes to draw in; by default those of a new figure.
        labels : bool, default True
            Whether to write names and notes.
        title : bool or str, optional
            Sentence above the picture; by default the result, on a new figure.

        Returns
        -------
        Axes
        """
        from scalinglaws.plotting import plot_isoflop

        return plot_isoflop(self, ax=ax, labels=labels, title=title)

    @property
    def refused(self) -> pd.Series:
        """Budgets that have no optimum, with the reason."""
        return self.optima.loc[self.optima["N"].isna(), "status"]

    @property
    def left_out(self) -> int:
        """Number of runs that share no budget with others."""
        return len(self.runs.N) - int(self.optima["runs"].sum())

    def _card(self) -> Card:
        return isoflop_card(self)


def isoflop(
    runs: Any,
    *,
    y: str | None = None,
    columns: Mapping[str, str] | None = None,
    budgets: npt.ArrayLike | str | None = None,
    tolerance: float = TOLERANCE,
    method: Literal["parabola", "akima"] = "parabola",
    window: float = WINDOW,
    rise: float = RISE,
    weighted: bool = False,
    exponent_prior: tuple[float, float] | None = None,
    noise: float | None = None,
    truth: LawWithValues | str | None = "chinchilla",
    confidence_level: float = 0.95,
    n_resamples: int = DEFAULT_RESAMPLES,
    rng: Rng = 0,
) -> IsoFLOP:
    """Fit IsoFLOP profiles: the best size on each budget, and its power law in compute.

    Parameters
    ----------
    runs : DataFrame
        One row per run, with N, the performance, and C or D; C is 6ND where the table has none.
    y, columns : optional
        As in :func:`scalinglaws.fit`.
    budgets : array or str, optional
        The budgets, or a column that has them; by default they are found in C.
    tolerance : float
        Largest relative distance of C from its budget.
    method : {"parabola", "akima"}
        A parabola in ln N (Hoffmann et al. 2022), or Akima's interpolation of the logarithm in
        ln N (Porian et al. 2024).
    window, rise : float
        The parabola of a budget is fitted to runs near its best run: ln N within `window`, and log
        performance within `rise`. At least the four nearest sizes are used. ``float("inf")`` uses
        whole profiles, as Akima's interpolation always does.
    weighted : bool
        Weight budgets by the precision of their minima in the power law through them.
    exponent_prior : (mean, sd), optional
        Normal prior of the exponent of N in the power law, such as ``(0.5, 0.15)``; that of D is
        1 less the exponent. The power law is then by generalised least squares, and its optima may
        drift from the line (see Notes). For parabolas only, and not with `weighted`.
    noise : float, optional
        Relative noise of a run; by default from the scatter around the profiles, which includes
        what these miss.
    truth : str, Fit or published law, optional
        The law that the stated bias refers to: a name or a line of maths to be fitted to these
        runs, or a law with coefficients. None states none, and neither does `exponent_prior`.
    confidence_level, n_resamples, rng
        Level of the intervals, the number of noisy copies behind them, and their seed.

    Returns
    -------
    IsoFLOP
        Optima of the budgets, exponents of their growth, and the bias of the method.

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
    all budgets share. A budget is refused if it has fewer than four sizes (five for "akima"), or if
    its smallest or largest model is the best. It is also refused if its curvature is not two
    standard errors above zero. Refused budgets enter neither the noise nor the power law.

    Intervals are quantiles over noisy copies of the runs, each with minima and a power law of its
    own. The minimum of a copy is looked for between the smallest and largest model that are used:
    an interval that ends at one of them is cut there, and ``status`` says so. Where the minima
    scatter around the power law by more than their noise, its intervals are widened by that ratio.

    With `exponent_prior` the minima have their standard errors by the delta method, at least .03.
    They scatter by .05 around the power law, which drifts by a random walk of variance .001 for
    each e-fold of compute. Beyond the last budget the line may bend by .05 for each e-fold
    (standard deviations of ln N). Level, exponent and predictions are those of generalised least
    squares; intervals are Student's t with 6 degrees of freedom. Measured on held-out optima of
    public sweeps: `docs/planning.md`.

    References
    ----------
    Hoffmann et al. 2022, arXiv:2203.15556, section 3.2; Porian et al. 2024, arXiv:2406.19146; on
    the bias Czech et al. 2026, arXiv:2603.22339.

    Examples
    --------
    >>> import numpy as np, pandas as pd, scalinglaws as sl
    >>> steps, C = (g.ravel() for g in np.meshgrid(np.geomspace(1 / 4, 4, 9), [1e19, 1e20, 1e21]))
    >>> N = 0.4 * C**0.5 * steps
    >>> D = C / (6.0 * N)
    >>> runs = pd.DataFrame({"N": N, "D": D, "loss": 1.7 + 400 / N**0.34 + 410 / D**0.34})
    >>> found = sl.isoflop(runs)
    >>> print(f"{found.exponents.loc['N', 'exponent']:.2f}")
    0.50
    """
    check_option("method", method, METHODS)
    check_level(confidence_level)
    check_count("n_resamples", n_resamples, 0)
    for name, value in (("window", window), ("rise", rise)):
        if not is_number(value) or not value > 0:
            raise ValueError(f"`{name}` must be a positive number; got {value!r}.")
    prior = None if exponent_prior is None else checked_prior(exponent_prior, method, weighted)
    known_noise = None if noise is None else check_share("noise", noise)
    table = read_columns(runs, y, columns)
    _warn_groups(table)
    if isinstance(budgets, str) and budgets in col.as_frame(runs):
        budgets = np.unique(col.to_floats(col.as_frame(runs)[budgets], budgets))
    groups, adjusted = bracketed_profiles(
        table, find_budgets(table, budgets, tolerance), method, window, rise
    )
    accepted = _at_least_two(groups)
    found_noise, dof = (
        profile_noise(table, accepted, adjusted, method)
        if known_noise is None
        else (known_noise, 0)
    )
    copies = noisy_copies(adjusted, found_noise, dof, n_resamples, rng)
    minima = minima_of(table, accepted, copies, method)
    log_c = np.log([group.C for group in accepted])
    known = np.where(minima.end == 0, minima.log_n, np.nan)  # a minimum at an end may lie beyond
    precision = precision_of(known[1:]) if weighted else None
    if prior is None:
        trends: Mapping[str, PowerLaw] = {
            name: fit_trend(log_c, logs, precision)
            for name, logs in (("N", minima.log_n), ("D", minima.log_d))
        }
    else:
        errors = standard_errors(table, accepted, adjusted, found_noise)
        trends = power_laws_with_prior(log_c, minima, errors, prior)
    bias, no_bias = stated(
        None if prior else truth,
        table,
        lambda law: _bias(law, table, accepted, method, precision, confidence_level),
    )
    found = IsoFLOP(
        _optima(table, groups, minima, confidence_level),
        exponent_table(trends, confidence_level), bias, method, found_noise,
        confidence_level, no_bias, table, tuple(groups), adjusted, trends,
    )  # fmt: skip
    _warn_refused(found)
    return found


def _at_least_two(groups: Sequence[Budget]) -> list[Budget]:
    """The budgets that have an optimum."""
    accepted = [group for group in groups if not group.refusal]
    if len(accepted) < 2:
        reasons = [f"{format_compute(g.C)} ({g.refusal})" for g in groups if g.refusal]
        raise DataError(
            f"{'Only one budget has' if accepted else 'No budget has'} an optimum between its "
            "runs, and a power law through optima needs at least two"
            + (f". Refused: {listed(reasons, most=20)}." if reasons else ".")
        )
    return accepted


def _optima(
    table: RunColumns, groups: Sequence[Budget], minima: Minima, level: float
) -> pd.DataFrame:
    frame = pd.DataFrame(
        {
            "C": [group.C for group in groups],
            "runs": [len(group.rows) for group in groups],
            "sizes": [count_sizes(table.N[group.rows]) for group in groups],
            "used": [0 if group.refusal else len(group.near) for group in groups],
        },
        index=pd.Index([format_compute(group.C) for group in groups], name="budget"),
    )
    fine = np.array([not group.refusal for group in groups])
    for name, values in (
        ("N", np.exp(minima.log_n)), ("D", np.exp(minima.log_d)), (table.target, minima.y),
    ):  # fmt: skip
        for suffix, numbers_ in zip(
            ("", "_low", "_high"), (values[0], *central_interval(values[1:], level)), strict=True
        ):
            frame[f"{name}{suffix}"] = np.nan
            frame.loc[fine, f"{name}{suffix}"] = numbers_
    frame["status"] = [group.refusal for group in groups]
    frame.loc[fine, "status"] = [_cut(end, level) or "ok" for end in minima.end[1:].T]
    return frame


def _cut(end: FloatArray, level: float) -> str:
    """Whether an interval ends at the smallest or largest model, since copies have it there."""
    if not len(end):
        return ""
    tail = 0.5 * (1.0 - level)
    shares = {"smallest": float((end < 0).mean()), "largest": float((end > 0).mean())}
    cut = [f"{side} model in {100 * s:.2g} %" for side, s in shares.items() if s > tail]
    if not cut:
        return ""
    return f"interval cut: the minimum is at the {' and at the '.join(cut)} of copies"


def _bias(
    truth: Truth,
    table: RunColumns,
    groups: Sequence[Budget],
    method: str,
    precision: FloatArray | None,
    level: float,
) -> Bias:
    """The same analysis of exact performances, on the budgets that have an optimum."""

    def estimate(performance: FloatArray) -> tuple[FloatArray, FloatArray]:
        minima = minima_of(table, groups, performance, method)
        inside = minima.end == 0
        return np.where(inside, minima.log_n, np.nan), np.where(inside, minima.log_d, np.nan)

    tokens = [tokens_along(table, group) for group in groups]
    return bias_of(truth, table, groups, tokens, estimate, precision, level)


def _warn_groups(table: RunColumns) -> None:
    """Warn of text columns whose values differ in what a quadratic surface in N and C leaves."""
    variables = np.log(np.column_stack([table.N, table.C]))
    used = np.ones(len(table.y), dtype=np.bool_)
    left = Residuals(np.ones((len(used), 1)), np.log(table.y), variables, ("N", "C"), used, None)
    for effect in effects_in(left, table.factors):
        warn(
            f"Column {effect.column!r} ({effect.n_levels} values) explains "
            f"{100 * effect.share:.0f} % of the variance of {table.target!r} that a smooth surface "
            "in N and C leaves. The profiles pool these runs: analyse each of its values by "
            "itself.",
            DataWarning,
        )


def _warn_refused(found: IsoFLOP) -> None:
    if len(found.refused):
        reasons = [f"{label} ({reason})" for label, reason in found.refused.items()]
        warn(
            f"{plural(len(reasons), 'budget')} of {len(found.optima)} "
            f"{'has' if len(reasons) == 1 else 'have'} no optimum: {listed(reasons)}.",
            DataWarning,
        )
