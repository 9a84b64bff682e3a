"""What one who knows the noise would achieve: a fit, where `oracle` is a limit.

python -m benchmarks.coverage.achieved --cells 9,19 --tables 300
python -m benchmarks.coverage.achieved --workers 2 --write   cells of 60 runs and more, whole

Each table is fitted by maximum likelihood with the true distribution of the errors, scale and
correlation included, from the true parameters on. Its intervals are the estimate and normal
quantiles of the curvature there. No one can know so much; where even this fit covers less than it
says, the law bends within its own uncertainty, and the limit is out of reach. `needed` is how wide
an interval around this fit must be, relative to the limit, to hold the truth in 90 % of tables: of
one width, or, for a floor, of one height of the profile of the likelihood, as the default has it.
"""

from __future__ import annotations

import argparse
import multiprocessing
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.optimize import minimize

import scalinglaws as sl
from benchmarks.coverage.cells import OPEN, cells
from benchmarks.coverage.oracle import Oracle, information, oracle, whitened
from benchmarks.coverage.study import identified
from benchmarks.coverage.summary import ACHIEVED, MANY
from benchmarks.coverage.tables import DEGREES, Setting
from benchmarks.coverage.truth import gradient, law_of, truth_of
from benchmarks.harness import RESULTS

Floats = npt.NDArray[np.float64]
_LEVEL, _QUANTILE = 0.9, 1.6448536269514722
_STEP = 1e-5  # of the differences that make a Hessian of exact gradients
_STEP_OF_PROFILE = 0.25  # standard errors between the points of a profile
FLOOR = "E"
_FURTHEST = 12.0  # in working parameters from the truth: a fit beyond it has run away


@dataclass(frozen=True)
class Likelihood:
    """Minus the log-likelihood of one table in the working parameters.

    Attributes
    ----------
    log_loss : (rows,) as observed
    """

    setting: Setting
    log_loss: Floats

    def params(self, theta: Floats) -> dict[str, float]:
        """Natural parameters."""
        law = law_of(self.setting.cell)
        return {
            p.name: float(np.exp(v) if p.positive else v)
            for p, v in zip(law.parameters, theta, strict=True)
        }

    def value_and_gradient(self, theta: Floats) -> tuple[float, Floats]:
        """Of standardised errors: normal, or Student's t with the true scale."""
        law, params = law_of(self.setting.cell), self.params(theta)
        columns = {name: self.setting.rows[name].to_numpy() for name in law.variables}
        fitted = law.value(params, columns)
        steps = np.array([params[p.name] if p.positive else 1.0 for p in law.parameters])
        slopes = law.gradient(params, columns) / fitted[:, None] * steps
        both = np.column_stack([np.log(fitted) - self.log_loss, slopes])
        white = whitened(self.setting, both)
        r, slopes = white[:, 0], white[:, 1:]
        if self.setting.cell.noise != "t3":
            return float(0.5 * r @ r), slopes.T @ r
        # standard deviation one
        size = DEGREES - 2.0
        value = 0.5 * (DEGREES + 1.0) * np.sum(np.log1p(r * r / size))
        return float(value), slopes.T @ ((DEGREES + 1.0) * r / (size + r * r))

    def hessian(self, theta: Floats) -> Floats:
        """Central differences of the gradient."""
        moves = _STEP * np.eye(len(theta))
        rows = [
            self.value_and_gradient(theta + move)[1] - self.value_and_gradient(theta - move)[1]
            for move in moves
        ]
        found = np.array(rows) / (2.0 * _STEP)
        return np.asarray(0.5 * (found + found.T))


def achieved(index: int, n_tables: int, seed: int = 0) -> pd.DataFrame:
    """One row for each identified target of a cell that is no run."""
    setting = Setting(cells()[index])
    known, law, truth = oracle(setting), law_of(setting.cell), truth_of(setting.cell)
    start = _working(law, truth)
    places = [
        j
        for j, t in enumerate(setting.targets)
        if t.kind != "run" and identified(known, j) == "yes"
    ]
    true = np.array([float(setting.targets[j].value(truth)) for j in places])
    centres, errors, profiles = [], [], []
    for table in range(n_tables):
        rng = np.random.default_rng([seed, index, table])
        runs, _ = setting.draw(rng)
        likelihood = Likelihood(setting, np.log(runs["loss"].to_numpy()))
        fit = _fit(likelihood, start)
        if fit is None:
            continue
        params, covariance = fit
        if FLOOR in params:
            profiles.append(FloorProfile(likelihood, params))
        slopes = np.array([gradient(law, params, setting.targets[j]) for j in places])
        centres.append([float(setting.targets[j].value(params)) for j in places])
        errors.append(np.sqrt(np.einsum("ij,jk,ik->i", slopes, covariance, slopes)))
    found = _summed_up(index, known, places, true, np.array(centres), np.array(errors))
    floor = [j for j in places if setting.targets[j].name == FLOOR]
    if floor:
        step = _STEP_OF_PROFILE * float(known.std_error[floor[0]])
        limit = float(np.quantile([p.deviance(truth[FLOOR]) for p in profiles], _LEVEL))
        width = float(np.median([np.ptp(p.ends(limit, step)) for p in profiles]))
        found.loc[found["target"] == FLOOR, "needed"] = width / known.width(floor[0], _LEVEL)
    return found


def _working(law: sl.Law, params: Mapping[str, float]) -> Floats:
    """Parameters as the likelihood takes them: logarithms of the positive ones."""
    return np.array(
        [np.log(params[p.name]) if p.positive else params[p.name] for p in law.parameters]
    )


class FloorProfile:
    """How far the floor can be moved, the rest fitted again, before one table is less likely."""

    def __init__(self, likelihood: Likelihood, params: dict[str, float]) -> None:
        law = law_of(likelihood.setting.cell)
        self.likelihood, self.theta = likelihood, _working(law, params)
        self.place = law.parameter_names.index(FLOOR)
        self.rest = np.delete(np.arange(len(self.theta)), self.place)
        known = information(likelihood.setting)[np.ix_(self.rest, self.rest)]
        self.root = np.linalg.cholesky(np.linalg.inv(known))
        self.minimum = likelihood.value_and_gradient(self.theta)[0]

    def deviance(self, floor: float) -> float:
        """Twice the fall of the log-likelihood with this floor."""
        return self._held(floor, self.theta)[0]

    def ends(self, limit: float, step: float) -> tuple[float, float]:
        """Floors at which the deviance reaches a limit, to a hundredth of a step."""
        return self._end(limit, -step), self._end(limit, step)

    def _end(self, limit: float, step: float) -> float:
        floor, root, theta = float(np.exp(self.theta[self.place])), 0.0, self.theta
        while True:
            following = floor + step
            if following <= 0.0:
                return 0.0
            deviance, theta = self._held(following, theta)
            if deviance >= limit:
                # the root of the deviance is nearly straight
                share = (np.sqrt(limit) - root) / (np.sqrt(deviance) - root)
                return floor + step * float(share)
            floor, root = following, float(np.sqrt(max(deviance, 0.0)))

    def _held(self, floor: float, start: Floats) -> tuple[float, Floats]:
        """Deviance and parameters with the floor held, the rest fitted again."""
        theta = start.copy()
        theta[self.place] = np.log(floor)

        def scaled(z: Floats) -> tuple[float, Floats]:
            moved = theta.copy()
            moved[self.rest] += self.root @ z
            value, slope = self.likelihood.value_and_gradient(moved)
            return value, self.root.T @ slope[self.rest]

        with np.errstate(all="ignore"):
            found = minimize(
                scaled, np.zeros(len(self.rest)), jac=True, method="BFGS", options={"gtol": 1e-5}
            )
        theta[self.rest] += self.root @ found.x
        return 2.0 * (float(found.fun) - self.minimum), theta


def _fit(likelihood: Likelihood, start: Floats) -> tuple[dict[str, float], Floats] | None:
    """Natural parameters and the covariance of the working ones; None without a minimum."""
    with np.errstate(all="ignore"):
        root = np.linalg.cholesky(np.linalg.inv(information(likelihood.setting)))

        def scaled(z: Floats) -> tuple[float, Floats]:
            value, slope = likelihood.value_and_gradient(start + root @ z)
            return value, root.T @ slope

        found = minimize(
            scaled, np.zeros(len(start)), jac=True, method="BFGS", options={"gtol": 1e-6}
        )
        theta = start + root @ found.x
        hessian = likelihood.hessian(theta)
    if not np.isfinite(hessian).all() or np.abs(theta - start).max() > _FURTHEST:
        return None
    if np.linalg.eigvalsh(hessian)[0] <= 0:
        return None
    return likelihood.params(theta), np.asarray(np.linalg.inv(hessian), dtype=np.float64)


def _summed_up(
    index: int, known: Oracle, places: Sequence[int], true: Floats, centres: Floats, errors: Floats
) -> pd.DataFrame:
    inside = np.abs(centres - true) <= _QUANTILE * errors
    targets = known.setting.targets
    limits = np.array([known.width(j, _LEVEL) for j in places])
    widths = 2.0 * _QUANTILE * np.median(errors, axis=0)
    return pd.DataFrame({
        "cell": index, "name": known.setting.cell.name, "target": [targets[j].name for j in places],
        "tables": len(centres), "coverage": inside.mean(axis=0), "width": widths,
        "oracle_width": limits, "ratio": widths / limits,
        # what an interval of the right coverage would need
        "needed": np.quantile(np.abs(centres - true), _LEVEL, axis=0) / (0.5 * limits),
    })  # fmt: skip


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the table."""
    many = [k for k, cell in enumerate(cells()) if cell.runs >= MANY and cell not in OPEN]
    parser = argparse.ArgumentParser(prog="python -m benchmarks.coverage.achieved")
    parser.add_argument("--cells", default=",".join(map(str, many)), help="such as 9,19")
    parser.add_argument("--tables", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--write", action="store_true", help="into benchmarks/results/")
    asked = parser.parse_args(arguments)
    task = partial(achieved, n_tables=asked.tables, seed=asked.seed)
    indices = [int(cell) for cell in str(asked.cells).split(",")]
    with ProcessPoolExecutor(asked.workers, multiprocessing.get_context("spawn")) as pool:
        found = pd.concat(pool.map(task, indices), ignore_index=True)
    print(found.round(4).to_string(index=False))
    if asked.write:
        found.to_csv(RESULTS / ACHIEVED, index=False, float_format="%.5g")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
