"""The next runs to train: those that narrow the answer most for their compute."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from scipy.special import ndtri

from scalinglaws.arrays import FloatArray
from scalinglaws.display import Card, Displayed
from scalinglaws.errors import FitError
from scalinglaws.fitting.tables import columns as col
from scalinglaws.fitting.tables.points import positive_number, positive_numbers
from scalinglaws.numerals import format_compute, format_count, format_level, format_plain
from scalinglaws.options import check_count, check_option, check_share
from scalinglaws.planning.analysis_cards import next_runs_card
from scalinglaws.planning.cost import SIX, Cost
from scalinglaws.planning.law_with_values import LawWithValues, Rng, run_columns
from scalinglaws.planning.optimal_design import (
    Belief,
    Question,
    belief_of,
    choose,
    coefficients_of,
    covariance_of_candidates,
    plausible,
    question_of,
)
from scalinglaws.planning.plan import Plan, plan_of
from scalinglaws.planning.sampled import DEFAULT_RESAMPLES
from scalinglaws.planning.sampled_law import SampledLaw, sample_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes

QUESTIONS = ("loss", "N", "law")
_NOISE = 0.005  # of a run, relative, where nothing is known
_RATIOS = 5.0 * 2.0 ** np.arange(7)  # tokens for each parameter
_SIZES = 24
_MOSTLY = 0.5  # of a variance
_TRUTHS = 16  # besides the estimate, for which the runs are chosen
_SMALLEST = 1e-4  # of the allowance, as the cheapest candidate
_WIDE = 0.5  # relative half-width from which on it is written as a factor


@dataclass(frozen=True, eq=False, repr=False)
class NextRuns(Displayed):
    """Runs to train and their effect; returned by :func:`scalinglaws.next_runs`.

    Attributes
    ----------
    runs : DataFrame
        One row per run, the most informative first: ``N``, ``D``, ``C``, and ``sd_after``, the
        standard deviation of the answer's logarithm after this run and those above it. For the
        question "law", ``sigma_after``: the standard deviations by which the laws will differ.
        Rows with equal N and D are replicates with another seed.
    answer : DataFrame
        Rows "before" and "after": ``estimate``, ``low``, ``high``, ``half_width`` of the interval
        relative to its estimate, and ``sd``, the standard deviation of the answer's logarithm; for
        the question "law" ``sigma``. After the runs only the width is known: the new estimate may
        lie anywhere in the interval before them. The width includes `model_error`, which the
        interval of a later fit does not.
    floor : float
        Part of ``sd`` that none of these runs can remove if the law's error is as large as
        `model_error`.
    question : str
        "loss", "N" or "law".
    confidence_level : float
        Level of the intervals.
    note : str
        Caveats.
    """

    runs: pd.DataFrame
    answer: pd.DataFrame
    floor: float
    question: str
    confidence_level: float
    note: str
    candidates: pd.DataFrame = field(repr=False)
    observed: pd.DataFrame = field(repr=False)

    def plot(
        self, *, ax: Axes | None = None, labels: bool = True, title: bool | str | None = None
    ) -> Axes:
        """Draw the chosen runs among the candidates; see `scalinglaws.plotting.plot_next_runs`.

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
        from scalinglaws.plotting import plot_next_runs

        return plot_next_runs(self, ax=ax, labels=labels, title=title)

    def _card(self) -> Card:
        return next_runs_card(self)

    @property
    def sentence(self) -> str:
        """The effect of the runs, as a sentence."""
        if "sigma" in self.answer:
            apart = float(self.answer["sigma"].iloc[-1])
            return f"{self.question}: {apart:.1f} standard deviations apart"
        write = format_count if self.question.startswith("N ") else format_plain
        low, high = (write(float(self.answer[end].iloc[0])) for end in ("low", "high"))
        before, after = (_within(float(half)) for half in self.answer["half_width"])
        return (
            f"{self.question}: {format_level(self.confidence_level)} interval {low} to {high} now "
            f"({before}), {after} of the new estimate"
        )


def _within(half_width: float) -> str:
    if half_width < _WIDE:
        return f"within {100 * half_width:.2g} %"
    return f"within a factor of {1 + half_width:.2g}"


def next_runs(
    fit: LawWithValues,
    *,
    budget: Any,
    C: Any = None,
    question: str = "loss",
    rival: LawWithValues | None = None,
    most_runs: int = 10,
    largest: Any = None,
    shortest: Any = None,
    candidates: Any = None,
    cost: Cost = SIX,
    noise: float | None = None,
    model_error: float | None = None,
    confidence_level: float | None = None,
    n_resamples: int = DEFAULT_RESAMPLES,
    rng: Rng = 0,
    **variables: Any,
) -> NextRuns:
    """Choose the runs that reduce the uncertainty of an answer most for a given compute.

    Parameters
    ----------
    fit : Fit or published law
        The law fitted so far. A published law serves for a first ladder: its coefficients are then
        assumed to be uncertain by a factor of e, offsets and exponents by a fifth.
    budget : number
        Compute of all new runs together, in FLOP.
    C : number, optional
        Compute of the target, in FLOP; not for "law".
    question : {"loss", "N", "law"}
        Quantity to narrow: the best performance at the target, the N that reaches it, or the
        choice between this law and `rival`.
    rival : Fit or published law, optional
        Another law of the same performance, for the question "law".
    most_runs : int
        Largest number of runs, replicates included.
    largest : number, optional
        Largest compute of a single run; the whole budget by default.
    shortest : number, optional
        Least tokens of a run; by default those of the shortest run so far. Shorter runs need
        little compute and are informative if the law holds for them, but laws fail there first.
    candidates : DataFrame, optional
        Columns N and D of the runs to choose from; by default sizes at even steps with 5 to 320
        tokens per parameter.
    cost : number, callable or Fit
        As in :func:`scalinglaws.optimal`.
    noise : float, optional
        Relative noise of a run; that of the fit by default.
    model_error : float, optional
        Relative standard deviation of a smooth deviation of the truth from the law, which varies
        over a decade of N or D; equal to `noise` by default, 0 to assume that the law is exact.
    confidence_level, n_resamples, rng, **variables
        As in :func:`scalinglaws.optimal`.

    Returns
    -------
    NextRuns
        The runs, and the uncertainty of the answer before and after them.

    Raises
    ------
    FitError
        If the law has no optimum at the target, or no candidate is affordable.
    ValueError
        If an option is missing or wrong.

    Notes
    -----
    The law is linearised at its estimate. Coefficients, model error and noise are then jointly
    normal. The coefficients have the covariance of the draws, and the model error is a Gaussian
    process over ln N and ln D. Runs are added greedily, by variance reduction and by variance
    reduction per FLOP. The better set is improved by exchanges (c-optimal design: Atkinson, Donev
    and Tobias 2007).

    The criterion is the mean log variance of the answer over the estimate and sixteen draws, each
    linearised at its own values. The reported variance is that of the estimate. With model error,
    runs near the target count for more, and replicates at one place for less. For the question
    "law" the criterion is the squared distance between the predictions of both laws, relative to
    the covariance of refits and noise.

    Examples
    --------
    >>> import scalinglaws as sl
    >>> runs = sl.datasets.ladder()
    >>> fit = sl.fit(runs[runs["D"] > 1.5e6], "kaplan")
    >>> plan = sl.next_runs(fit, budget=1e14, C=1e15)
    >>> bool(plan.answer.loc["after", "sd"] < plan.answer.loc["before", "sd"])
    True
    """
    check_option("question", question, QUESTIONS)
    check_count("most_runs", most_runs)
    if (question == "law") != (rival is not None) or (question == "law") != (C is None):
        raise ValueError(
            'The questions "loss" and "N" need the target `C` and no `rival`; "law" needs `rival` '
            "and no `C`."
        )
    allowance = positive_number("budget", budget)
    plan = plan_of(
        fit, cost, variables, confidence_level=confidence_level, n_resamples=n_resamples,
        rng=rng, delta=False,
    )  # fmt: skip
    fit, sample = plan.sample.fit, plan.sample
    run_noise = _noise_of(fit) if noise is None else check_share("noise", noise, zero=False)
    law_error = run_noise if model_error is None else check_share("model_error", model_error)
    known = coefficients_of(sample)
    observed = run_columns(fit)
    ceiling = allowance if largest is None else min(positive_number("largest", largest), allowance)
    table = _candidates(candidates, plan, observed, ceiling, _shortest(shortest, observed))
    note = (
        f"coefficients are assumed, not fitted ({sample.no_interval})" if sample.no_interval else ""
    )
    spent = table["C"].to_numpy()
    if rival is not None:
        apart = _apart(sample, rival, table, variables)[None]
        shown = covariance_of_candidates(plan, known, table, law_error)[None]
        belief = Belief(shown, apart, np.zeros(1), 0.0, run_noise**2)
        chosen = choose(belief, spent, allowance, most_runs)
        return _of_laws(belief, chosen, table, sample, rival, observed, note)
    target = positive_number("C", C)
    asked = question_of(plan, known, target, question)
    truths = [known, *plausible(plan, known, target, _TRUTHS)]
    belief = belief_of(plan, truths, target, question, table, run_noise, law_error)
    chosen = choose(belief, spent, allowance, most_runs)
    return _of_number(belief, chosen, table, asked, target, sample.level, observed, note)


def _noise_of(fit: LawWithValues) -> float:
    """Relative noise of a run as a fit knows it."""
    noise = getattr(fit, "noise", None)
    if noise is None or not np.isfinite(noise) or noise <= 0:
        return _NOISE
    level = float(np.mean(fit.runs.y)) if getattr(fit, "scale", "log") == "level" else 1.0  # type: ignore[attr-defined]
    return float(noise) / level


def _unit(observed: dict[str, FloatArray]) -> float:
    """By how many thousands D is in another unit than N, such as billions beside millions."""
    if set(observed) != {"N", "D"}:
        return 1.0
    usual = float(np.median(np.log10(observed["D"] / observed["N"]))) - np.log10(20.0)
    return float(10.0 ** (3 * np.round(usual / 3)))


def _shortest(given: Any, observed: dict[str, FloatArray]) -> float:
    if given is not None:
        return positive_number("shortest", given)
    return float(observed["D"].min()) if "D" in observed else 0.0


def _candidates(
    given: Any,
    plan: Plan,
    observed: dict[str, FloatArray],
    ceiling: float,
    shortest: float,
) -> pd.DataFrame:
    if given is not None:
        frame = col.as_frame(given, "candidates")
        N, D = (
            positive_numbers(f"candidates[{v!r}]", frame[col.resolve_variable(frame, v, {})])
            for v in ("N", "D")
        )
    else:
        N, D = _grid(plan, observed, ceiling)
    spent = plan.cost(N, D)
    kept = np.isfinite(spent) & (spent <= ceiling * (1 + 1e-9))
    kept &= shortest * (1 - 1e-9) <= D
    if not kept.any():
        raise FitError(
            f"No candidate costs at most {format_compute(ceiling)} and sees at least "
            f"{format_count(shortest)} tokens; the cheapest costs "
            f"{format_compute(float(np.nanmin(spent)))}."
        )
    return pd.DataFrame({"N": N[kept], "D": D[kept], "C": spent[kept]})


def _grid(
    plan: Plan, observed: dict[str, FloatArray], ceiling: float
) -> tuple[FloatArray, FloatArray]:
    """Sizes from those of the smallest run to the largest that is affordable, at several ratios."""
    ratios = _RATIOS * _unit(observed)
    cheapest = ceiling * _SMALLEST
    low = float(np.sqrt(cheapest / (SIX * 4 * ratios[0])))
    high = float(np.sqrt(ceiling / (SIX * ratios[0])))
    if "N" in observed:
        low = min(float(observed["N"].min()), high / 10)
    N, ratio = (g.ravel() for g in np.meshgrid(np.geomspace(low, high, _SIZES), ratios))
    D = N * ratio
    # at each ratio also the dearest run that there may be
    edge = np.sqrt(ceiling / (SIX * ratios))
    paid = plan.cost.tokens(edge, np.full(edge.shape, ceiling))
    kept = np.isfinite(paid)
    return np.concatenate([N, edge[kept]]), np.concatenate([D, paid[kept]])


def _apart(
    sample: SampledLaw, rival: LawWithValues, table: pd.DataFrame, variables: dict[str, Any]
) -> FloatArray:
    """How far two laws lie apart at each candidate, in logarithms."""
    own = {name: value for name, value in variables.items() if name in rival.law.variables}
    other = sample_of(rival, confidence_level=None, n_resamples=0, rng=None, variables=own)
    columns = [table[v].to_numpy()[None, :] for v in ("N", "D", "C")]
    here, there = (law.value(*columns)[0] for law in (sample.estimate, other))
    return np.asarray(np.log(there) - np.log(here))


def _of_number(
    belief: Belief,
    chosen: list[int],
    table: pd.DataFrame,
    asked: Question,
    target: float,
    level: float,
    observed: dict[str, FloatArray],
    note: str,
) -> NextRuns:
    own = belief.estimate
    after = [max(float(own.after(chosen[: k + 1])[0]), 0.0) for k in range(len(chosen))]
    runs = table.iloc[chosen].reset_index(drop=True).assign(sd_after=np.sqrt(after))
    z = float(ndtri(0.5 + 0.5 * level))
    spread = np.sqrt([own.variance[0], after[-1]])
    # where the new estimate will lie is not known, but how wide its interval will be
    now = np.array([1.0, np.nan])
    answer = pd.DataFrame(
        {
            "estimate": asked.estimate * now,
            "low": asked.estimate * np.exp(-z * spread) * now,
            "high": asked.estimate * np.exp(z * spread) * now,
            "half_width": np.expm1(z * spread),
            "sd": spread,
        },
        index=pd.Index(["before", "after"], name="answer"),
    )
    notes = [note] if note else []
    if own.floor > _MOSTLY * after[-1]:
        notes.append(
            "most of the remaining uncertainty is model error (`model_error`); only runs nearer to "
            "the target would reduce it"
        )
    gained = table.assign(gain=own.gains([])[0] / own.variance[0])
    return NextRuns(
        runs, answer, float(np.sqrt(belief.floor)), f"{asked.name} at {format_compute(target)}",
        level, "; ".join(notes), gained, pd.DataFrame(observed),
    )  # fmt: skip


def _of_laws(
    belief: Belief,
    chosen: list[int],
    table: pd.DataFrame,
    sample: SampledLaw,
    rival: LawWithValues,
    observed: dict[str, FloatArray],
    note: str,
) -> NextRuns:
    apart = np.sqrt([-belief.after(chosen[: k + 1])[0] for k in range(len(chosen))])
    runs = table.iloc[chosen].reset_index(drop=True).assign(sigma_after=apart)
    answer = pd.DataFrame(
        {"sigma": [0.0, apart[-1]]}, index=pd.Index(["before", "after"], name="answer")
    )
    alone = belief.gains([])[0]
    return NextRuns(
        runs, answer, 0.0, f"{sample.law.label} or {rival.law.label}", sample.level, note,
        table.assign(gain=alone / max(float(alone.max()), 1e-300)), pd.DataFrame(observed),
    )  # fmt: skip
