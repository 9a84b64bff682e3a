"""The shipped runs: complete, consistent, and really extrapolated."""

from __future__ import annotations

import numpy as np
import pytest

import scalinglaws as sl


def test_the_ladder_is_what_it_says() -> None:
    """At least 8 sizes and 5 budgets, five repeats or more, larger targets kept apart."""
    runs, targets = sl.datasets.ladder("fit"), sl.datasets.ladder("target")
    ladder = runs[runs["role"] == "ladder"]

    assert ladder["N"].nunique() >= 8
    assert all((ladder.groupby("N")["D"].nunique()) >= 5)
    assert (runs["role"] == "repeat").sum() >= 5
    assert len(targets) >= 2
    assert (targets["C"] >= 5 * runs["C"].max()).all()
    assert len(sl.datasets.ladder("all")) == len(runs) + len(targets)
    assert runs.index.is_unique


def test_the_columns_agree_with_each_other() -> None:
    """bits per byte and perplexity follow from the loss; compute is not 6ND; one pass or fewer."""
    runs = sl.datasets.ladder("all")

    np.testing.assert_allclose(runs["bits_per_byte"], runs["loss"] / np.log(2), rtol=2e-6)
    np.testing.assert_allclose(runs["perplexity"], np.exp(runs["loss"]), rtol=2e-6)
    ratio = runs["C"] / (6 * runs["N"] * runs["D"])
    assert ratio.max() / ratio.min() > 1.1
    assert (runs["epochs"] <= 1).all()
    assert (runs["N_no_emb"] < runs["N"]).all()
    assert runs["corpus"].nunique() == 1


def test_a_wrong_split_lists_the_right_ones() -> None:
    """As every option does."""
    with pytest.raises(ValueError, match="`split` must be 'fit', 'target' or 'all'"):
        sl.datasets.ladder("train")  # type: ignore[arg-type]


def test_the_misfit_of_chinchilla_is_said() -> None:
    """The shortest runs were still warming up: repeats agree to 1 %, the law only to 4 %."""
    with pytest.warns(sl.LackOfFitWarning, match="repeated runs by 1"):
        fit = sl.fit(sl.datasets.ladder(), "chinchilla")

    assert fit.status is sl.Status.LACK_OF_FIT


def test_the_larger_runs_are_predicted() -> None:
    """Where the law fits as well as repeats agree, its new-run intervals cover the targets."""
    runs, targets = sl.datasets.ladder(), sl.datasets.ladder("target")
    fit = sl.fit(runs[runs["D"] > 1.5e6], "kaplan")

    found = fit.predict(targets)

    assert fit.status is sl.Status.CONVERGED
    assert (found["times_beyond"] > 5).all()
    assert (abs(found["estimate"] / targets["loss"] - 1) < 0.05).all()
