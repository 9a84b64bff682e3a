"""Every public verb on published laws, chains and fits of several series: an answer or a reason."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest

import scalinglaws as sl
from tests.conftest import make_runs

KINDS = ("published", "chain", "fits")
PLAN = {
    "published": "",
    "chain": "A plan needs a fit.*got Chain: each of its `fits` is one",
    "fits": r"A plan needs a fit.*got Fits: each of them is one, such as fits\['a'\]",
}
RUNS = {
    "published": "`runs` must be a DataFrame.*got Published",
    "chain": "`runs` must be a DataFrame.*got Chain",
    "fits": "`runs` needs a list or an array for each column; a and b hold one value",
}
LAW = {
    "published": "`law` must be a name.*got Published: pass its `law`",
    "chain": "`law` must be a name.*got Chain",
    "fits": "`law` must be a name.*got Fits",
}
POINT = {"N": 1e9, "D": 1e11}


def table() -> pd.DataFrame:
    """Losses and accuracies of two series."""
    runs = make_runs(0.003)
    noise = 0.002 * np.random.default_rng(0).standard_normal(len(runs))
    accuracy = 0.1 + 0.9 * np.exp(-0.8 * runs["loss"]) + noise
    series = np.where(np.arange(len(runs)) % 2, "a", "b")
    return runs.assign(accuracy=accuracy, s=series)


TABLE = table()
AT = TABLE[["N", "D"]].head(2)
# A verb, what it is called with, and by kind why it is refused; nothing where it answers.
VERBS: dict[str, tuple[Callable[[Any], Any], dict[str, str]]] = {
    "predict": (lambda m: m.predict(**POINT), {}),
    "predict, table": (lambda m: m.predict(AT), {}),
    "predict, level": (
        lambda m: m.predict(**POINT, confidence_level=0.9),
        {"published": "without runs and covariance: it has no forecast and no intervals"},
    ),
    "predict, forecast": (
        lambda m: m.predict(AT, forecast=True),
        {
            "published": "without runs and covariance: it has no forecast and no intervals",
            "chain": "`forecast` is for single fits: a chain has none; sl.forecast.*through=",
        },
    ),
    "reach": (lambda m: m.reach(0.25 if isinstance(m, sl.Chain) else 2.2, N=1e9), {}),
    "optimal": (lambda m: sl.optimal(m, C=1e22), PLAN),
    "near_optimal": (lambda m: sl.near_optimal(m, C=1e22), PLAN),
    "overtraining": (lambda m: sl.overtraining(m, C=1e22, smaller=[2]), PLAN),
    "serving": (lambda m: sl.serving(m, served=1e12, loss=2.2), PLAN),
    "limited_data": (lambda m: sl.limited_data(m, C=1e22, unique=1e11), PLAN),
    "next_runs": (lambda m: sl.next_runs(m, budget=1e22, C=1e23, most_runs=2), PLAN),
    "gain": (lambda m: sl.gain(m, m, C=1e22), PLAN),
    "regret": (lambda m: sl.planning.regret(m, **POINT), PLAN),
    "served_for": (lambda m: sl.planning.served_for(m, N=1e9, D=1e12), PLAN),
    "approaches": (lambda m: sl.planning.approaches(TABLE, m, C=1e22), PLAN),
    "one_group": (
        lambda m: sl.planning.one_group(m, s="a"),
        {**PLAN, "published": "has no parameters for single groups"},
    ),
    "simulate": (lambda m: sl.simulate(m, AT, 0.01), PLAN),
    "plot_frontier": (sl.plotting.plot_frontier, PLAN),
    "plot_contours": (sl.plotting.plot_contours, PLAN),
    "backtest": (
        sl.backtest,
        {
            "published": "must be a Fit or a Forecast; got Published, which comes without runs",
            "chain": "must be a Fit or a Forecast; got Chain: back-test each of its `fits`",
            "fits": "must be a Fit or a Forecast; got Fits: back-test each of them",
        },
    ),
    "compare": (lambda m: sl.compare(TABLE, [m], C=1e23), LAW),
    "fit": (lambda m: sl.fit(TABLE, m), LAW),
    "forecast": (sl.forecast, RUNS),
    "isoflop": (sl.isoflop, RUNS),
    "envelope": (sl.envelope, RUNS),
    "compare_recipes": (lambda m: sl.compare_recipes(m, "s"), RUNS),
    "finish": (lambda m: sl.finish(m, 1, D=1e12), RUNS),
    "chain": (
        lambda m: sl.chain(m, sl.fit(TABLE, "accuracy-exponential", scale="level")),
        {
            "published": "`first` must be a fit, as sl.fit returns it",
            "chain": "predicts 'accuracy', and the second is in 'loss'",
            "fits": "`first` must be a fit, as sl.fit returns it",
        },
    ),
    "bill": (
        lambda m: sl.planning.bill(m, device="H100", utilisation=0.4),
        dict.fromkeys(KINDS, "`flops` must be a number or numbers; got"),
    ),
}


@pytest.fixture(scope="module")
def models() -> dict[str, Any]:
    """One of each kind."""
    chained = sl.chain(
        sl.fit(TABLE, "chinchilla"), sl.fit(TABLE, "accuracy-exponential", scale="level")
    )
    return {
        "published": sl.published["chinchilla/epoch2024"],
        "chain": chained,
        "fits": sl.fit_each(TABLE, "chinchilla", by="s"),
    }


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("verb", VERBS)
def test_a_verb_answers_or_says_why_not(models: dict[str, Any], verb: str, kind: str) -> None:
    """No bare AttributeError or KeyError, and nothing without numbers."""
    call, reasons = VERBS[verb]
    if reason := reasons.get(kind):
        with pytest.raises((TypeError, ValueError), match=reason):
            call(models[kind])
        return
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", sl.ScalingLawWarning)
        found = call(models[kind])
    assert found is not None
    if isinstance(found, pd.DataFrame):
        assert np.isfinite(found.select_dtypes("number").to_numpy()).any()


def test_predictions_without_runs_have_no_forecast_and_say_so(models: dict[str, Any]) -> None:
    """NaN, None and the reason, in the places where a fit has them."""
    for kind, reason in (
        ("published", "only a law that was fitted to runs has one"),
        ("chain", "a chain has none; sl.forecast(runs, y=..., through=..., limits=...)"),
    ):
        found = models[kind].predict(**POINT)
        assert np.isnan(found.forecast.estimate)
        assert reason in found.forecast.reason
        assert found.disputed is None
    several = models["published"].predict(N=[1e9, 1e10], D=1e11)
    assert several.forecast.run_low.shape == (2,)
    assert np.isnan(several.disputed).all()


def test_other_kinds_are_sent_on(models: dict[str, Any]) -> None:
    """A chained forecast to its loss; groups to each of them."""
    chained = sl.forecast(TABLE, y="accuracy", through="loss", limits=(0, 1))
    with pytest.raises(TypeError, match="got ChainedForecast: back-test its `loss`"):
        sl.backtest(chained)
    grouped = sl.forecast(TABLE, groups="s")
    with pytest.raises(TypeError, match="got GroupedForecast: back-test each of them"):
        sl.backtest(grouped)
    assert grouped.predict(s="a", **POINT) == grouped["a"].predict(**POINT)
    assert grouped.predict({"s": "a", **POINT}) == grouped["a"].predict(**POINT)
    with pytest.raises(ValueError, match=r"Say of which group: s=\.\.\.; the groups are"):
        grouped.predict(**POINT)
    with pytest.raises(KeyError, match="the groups are"):
        grouped.predict(s="c", **POINT)
