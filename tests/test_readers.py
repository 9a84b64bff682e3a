"""Logs of trackers and trainers become the table of runs that they stand for."""

from __future__ import annotations

import json
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import scalinglaws as sl

LOGS = Path(__file__).parents[1] / "examples" / "logs"
SIZES = {"d8": 4_200_000, "d12": "12.5M", "d16": 3.4e7}
EXPECTED = pd.read_csv(LOGS / "expected.csv").set_index("run").sort_index()
TRACKERS = ("wandb", "tb", "hf", "trackio", "mlruns")


def read(*args: object, **options: object) -> pd.DataFrame:
    """Without the library's warnings, which have tests of their own."""
    with warnings.catch_warnings(action="ignore", category=sl.DataWarning):
        return sl.read_runs(*args, **options)  # type: ignore[arg-type]


def known_sizes(tracker: str) -> dict[str, object]:
    """N, for the logs that do not have it."""
    return {"N": SIZES} if tracker in {"tb", "hf"} else {}


# --- the five trackers with a known table --------------------------------------------------------


@pytest.mark.parametrize("tracker", TRACKERS)
def test_a_folder_becomes_the_expected_table(tracker: str) -> None:
    runs = read(LOGS / tracker, **known_sizes(tracker)).set_index("run").sort_index()
    assert list(runs.index) == list(EXPECTED.index)
    for name, expected in EXPECTED.rename(columns={"steps": "step"}).items():
        np.testing.assert_allclose(runs[name], expected, rtol=1e-6, err_msg=str(name))


@pytest.mark.parametrize("tracker", TRACKERS)
def test_a_curve_law_is_fitted_to_the_evaluated_steps(tracker: str) -> None:
    """The logs follow 1.71 + 90 N^-0.3 + 25 D^-0.22 to five digits after the comma."""
    curves = read(LOGS / tracker, every="eval", **known_sizes(tracker))
    assert set(curves["step"] % 200) == {0}
    curves = curves[curves["D"] > 0]
    assert len(curves) == 24
    fit = sl.fit(curves, "chinchilla", scale="level", clusters=None)
    assert fit.params["E"] == pytest.approx(1.71, abs=0.02)
    assert fit.params["alpha"] == pytest.approx(0.3, abs=0.02)
    assert fit.params["beta"] == pytest.approx(0.22, abs=0.01)


def test_settings_and_metrics_of_one_name_are_both_kept() -> None:
    """A logged learning rate ends at 0; what was set stands in the configuration."""
    runs = read(LOGS / "wandb").set_index("run")
    assert runs.loc["d8", "lr"] == 0.003
    assert runs.loc["d8", "logged lr"] == 0
    assert runs.loc["d8", "optimizer.wd"] == 0.1
    source = runs.attrs["source"]
    assert source["columns"]["lr"] == "the configuration"
    assert source["columns"]["loss"] == "'eval/loss' (held-out, loss)"
    assert "D 'tokens' logged" in str(source)
    assert json.loads(json.dumps(source))["files"] == {"W&B offline run": 3}


def test_every_step_has_the_values_that_it_logged() -> None:
    curves = read(LOGS / "wandb", every="step").query("run == 'd8'")
    assert len(curves) == 61
    assert curves["loss"].notna().sum() == 7
    assert curves["train/loss"].notna().all()
    assert (curves["D"].diff().dropna() == 65_536 * 20).all()
    assert (curves["N"] == 4.2e6).all()


def test_tokens_out_of_flops_are_called_a_guess() -> None:
    with pytest.warns(sl.DataWarning, match=r"Guessed: D = total_flos / 6N .* \(3 runs\)"):
        sl.read_runs(LOGS / "hf", N=SIZES)
    runs = read(LOGS / "hf", N=SIZES, D="step * 65536")
    assert not runs.attrs["source"]["guessed"]
    assert set(runs["D"]) == set(EXPECTED["D"])


def test_what_no_log_has_is_asked_for() -> None:
    with pytest.warns(
        sl.DataWarning, match=r"N is not in the logs of d12, d16 and d8. Give it: N="
    ):
        runs = sl.read_runs(LOGS / "tb")
    assert runs["N"].isna().all()
