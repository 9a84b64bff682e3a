"""Whole calls as a user makes them: tables read, intervals and verdict made, pictures drawn.

python -m benchmarks --only whole_calls --write

Processor times, all calls taking turns in one process; SciPy's `curve_fit` from the published start
is the unit beside them. Pictures are drawn to a file in memory.
"""

from __future__ import annotations

import io
import os
import subprocess
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from matplotlib.figure import Figure
from scipy.optimize import curve_fit, least_squares

import scalinglaws as sl
from benchmarks.harness import Options, Section, Timing, chinchilla_runs, interleaved

Floats = npt.NDArray[np.float64]
Call = Callable[[], object]

_PUBLISHED = {"E": 1.8172, "A": 482.01, "alpha": 0.3478, "B": 2085.43, "beta": 0.3658}
_CURVES = Path("alabdulmohsin") / "learning_curves_dev_half.csv.gz"
_CURVE = "IC/cal_5/BiT/50/1"
_SERIES, _ROWS = 100, 12  # of `fit_each`
# Milliseconds of processor time that were promised, on a machine where curve_fit takes so many.
_CURVE_FIT = 0.7
BARS = {
    "fit chinchilla": 12, "fit kaplan": 60, "fit farseer": 500, "fit chinchilla, 12 runs": 12,
    "fit m2, a curve of 46 rows": 25, "fit bnsl, that curve": 1000, "predict": 2, "optimal": 6,
    "plot": 300, "fit_each, each series": 3,
}  # fmt: skip
_IMPORTS = (
    ("numpy, scipy.optimize, pandas", "import numpy, scipy.optimize, pandas"),
    ("with scalinglaws", "import numpy, scipy.optimize, pandas, scalinglaws"),
    # names are imported at their first use
    ("and sl.fit", "import numpy, scipy.optimize, pandas, scalinglaws; scalinglaws.fit"),
)
_IMPORT_BAR = 0.1  # seconds over the libraries


def run(options: Options) -> Section:
    """Every call, against its bar and in units of `curve_fit`."""
    section = Section("Whole calls")
    runs = chinchilla_runs(options.data).frame
    with warnings.catch_warnings(action="ignore"):
        calls = _calls(runs, options)
        times = interleaved(calls, options.count(7, 1))
    unit = 1000 * times["curve_fit, from the published start"].processor
    section.table(
        f"{len(runs)} runs unless said otherwise; processor time.",
        [_row(name, timing, unit) for name, timing in times.items()],
    )
    for name, bar in BARS.items():
        if name in times:
            spent = _milliseconds(name, times[name])
            what = f"{name}: {spent:.3g} ms, promised {bar:g} ms"
            section.at_most(what, spent / unit, round(bar / _CURVE_FIT, 1), " x curve_fit")
    section.notes.append(
        f"Machines differ, so bars of calls are judged in units of curve_fit: each was promised in "
        f"ms for a machine where curve_fit takes {_CURVE_FIT:g} ms; here it takes {unit:.2g} ms. "
        "The import is judged in seconds."
    )
    seconds = {name: _import_seconds(code, options) for name, code in _IMPORTS}
    section.table("Import, processor time of a fresh process.", [
        {"what": name, "s": f"{value:.2f}"} for name, value in seconds.items()
    ])  # fmt: skip
    libraries, _, whole = seconds.values()
    section.at_most("import of sl.fit over the libraries", whole - libraries, _IMPORT_BAR, " s")
    return section


def _milliseconds(name: str, timing: Timing) -> float:
    return 1000 * timing.processor / (_SERIES if "each series" in name else 1)


def _row(name: str, timing: Timing, unit: float) -> dict[str, str]:
    spent = _milliseconds(name, timing)
    return {"call": name, "ms": f"{spent:.3g}", "times curve_fit": f"{spent / unit:.3g}"}


def _calls(runs: pd.DataFrame, options: Options) -> dict[str, Call]:
    fit = sl.fit(runs, "chinchilla")
    few = runs.iloc[:: max(1, len(runs) // 12)].head(12)
    calls: dict[str, Call] = {
        "curve_fit, from the published start": lambda: _curve_fit(runs),
        "least_squares in logarithms, from there": lambda: _least_squares(runs),
        "fit chinchilla": lambda: sl.fit(runs, "chinchilla"),
        "fit chinchilla, squared": lambda: sl.fit(runs, "chinchilla", objective="squared"),
        "fit chinchilla, Huber 1e-3": lambda: sl.fit(runs, "chinchilla", delta=1e-3),
        "fit chinchilla, 12 runs": lambda: sl.fit(few, "chinchilla"),
        "fit power": lambda: sl.fit(runs, "power"),
        "fit kaplan": lambda: sl.fit(runs, "kaplan"),
        "fit farseer": lambda: sl.fit(runs, "farseer"),
        "forecast": lambda: sl.forecast(runs),
        "predict": lambda: fit.predict(N=1e11, D=2e12),
        "intervals": lambda: fit.intervals("beta/(alpha + beta)"),
        "optimal": lambda: sl.optimal(fit, C=1e24),
        "bootstrap, 1000 refits": lambda: fit.bootstrap(1000, rng=0),
        "plot": lambda: _drawn(fit),
        "fit_each, each series": lambda: sl.fit_each(_series(), "power-floor", by="series"),
    }
    if options.data is not None:
        curves = pd.read_csv(options.data / _CURVES)
        curve = curves[(curves["series"] == _CURVE) & (curves["split"] == "train")]
        calls |= {
            "fit m2, a curve of 46 rows": lambda: sl.fit(curve, "m2", units="trust"),
            "fit bnsl, that curve": lambda: sl.fit(curve, "bnsl", units="trust"),
        }
    if options.quick:
        calls = {name: call for name, call in calls.items() if "farseer" not in name}
    return calls


def _chinchilla(x: Any, E: float, A: float, alpha: float, B: float, beta: float) -> Any:
    return np.log(E + A / x[0] ** alpha + B / x[1] ** beta)


def _curve_fit(runs: pd.DataFrame) -> object:
    columns = runs["N"].to_numpy(float), runs["D"].to_numpy(float)
    return curve_fit(_chinchilla, columns, np.log(runs["loss"]), p0=list(_PUBLISHED.values()))


def _least_squares(runs: pd.DataFrame) -> object:
    n, d, y = (np.log(runs[name].to_numpy(float)) for name in ("N", "D", "loss"))

    def residuals(p: Floats) -> Floats:
        terms = np.stack([np.full_like(n, p[0]), p[1] - p[2] * n, p[3] - p[4] * d])
        return np.asarray(np.logaddexp.reduce(terms, axis=0) - y)

    start = [np.log(v) if k in "EAB" else v for k, v in _PUBLISHED.items()]
    return least_squares(residuals, start, x_scale="jac")


def _drawn(fit: sl.Fit) -> None:
    figure = Figure()
    fit.plot(ax=figure.subplots())
    figure.savefig(io.BytesIO(), format="png")


def _series() -> pd.DataFrame:
    """Many short series of one law."""
    rng = np.random.default_rng(0)
    N = np.tile(np.geomspace(1e6, 1e9, _ROWS), _SERIES)
    floor = np.repeat(rng.uniform(1.5, 2.5, _SERIES), _ROWS)
    loss = (floor + 20 * N**-0.15) * np.exp(0.003 * rng.standard_normal(len(N)))
    return pd.DataFrame({"N": N, "loss": loss, "series": np.repeat(np.arange(_SERIES), _ROWS)})


def _import_seconds(code: str, options: Options) -> float:
    """Median processor time of an import in a fresh process."""
    program = f"import time; {code}; print(time.process_time())"
    # an installed package is compiled
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": ""}

    def once() -> float:
        command = [sys.executable, "-c", program]
        done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
        return float(done.stdout)

    once()
    return float(np.median([once() for _ in range(options.count(5, 1))]))
