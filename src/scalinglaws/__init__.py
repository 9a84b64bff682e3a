"""Fit scaling laws to training runs, see whether to trust them, and extrapolate.

>>> import scalinglaws as sl
>>> runs = sl.datasets.ladder()
>>> fit = sl.fit(runs[runs["D"] > 1.5e6], "kaplan")
>>> print(fit.status)
Converged: the optimum was reached, and different starting points agree on it.
"""

from scalinglaws import datasets as datasets
from scalinglaws.core.law import Law as Law
from scalinglaws.errors import ConvergenceWarning as ConvergenceWarning
from scalinglaws.errors import DataError as DataError
from scalinglaws.errors import DataWarning as DataWarning
from scalinglaws.errors import ExtrapolationWarning as ExtrapolationWarning
from scalinglaws.errors import FileFormatError as FileFormatError
from scalinglaws.errors import FitError as FitError
from scalinglaws.errors import FormulaError as FormulaError
from scalinglaws.errors import IdentifiabilityWarning as IdentifiabilityWarning
from scalinglaws.errors import LackOfFitWarning as LackOfFitWarning
from scalinglaws.errors import ScalingLawError as ScalingLawError
from scalinglaws.errors import ScalingLawWarning as ScalingLawWarning
from scalinglaws.fitting.fit import fit as fit
from scalinglaws.fitting.prediction import Prediction as Prediction
from scalinglaws.fitting.result import Fit as Fit
from scalinglaws.fitting.result import load as load
from scalinglaws.fitting.status import Status as Status
from scalinglaws.planning.envelope import envelope as envelope
from scalinglaws.planning.isoflop import isoflop as isoflop
from scalinglaws.planning.next_runs import next_runs as next_runs
from scalinglaws.planning.optimal import optimal as optimal
from scalinglaws.planning.recipes import compare_recipes as compare_recipes
from scalinglaws.planning.recipes import gain as gain
from scalinglaws.planning.serving import serving as serving
from scalinglaws.planning.simulate import simulate as simulate
from scalinglaws.readers import read_runs as read_runs

__version__ = "0.1.0"

__all__ = [
    "ConvergenceWarning",
    "DataError",
    "DataWarning",
    "ExtrapolationWarning",
    "FileFormatError",
    "Fit",
    "FitError",
    "FormulaError",
    "IdentifiabilityWarning",
    "LackOfFitWarning",
    "Law",
    "Prediction",
    "ScalingLawError",
    "ScalingLawWarning",
    "Status",
    "compare_recipes",
    "datasets",
    "envelope",
    "fit",
    "gain",
    "isoflop",
    "load",
    "next_runs",
    "optimal",
    "read_runs",
    "serving",
    "simulate",
]
