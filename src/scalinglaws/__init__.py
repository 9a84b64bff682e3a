"""Fit scaling laws to training runs, see whether to trust them, and extrapolate.

>>> import scalinglaws as sl
>>> runs = sl.datasets.ladder()
>>> fit = sl.fit(runs[runs["D"] > 1.5e6], "kaplan")
>>> print(fit.status)
Converged: the optimum was reached, and no check found a problem.
"""

from importlib import import_module as _import_module
from types import ModuleType as _ModuleType

from scalinglaws import datasets as datasets
from scalinglaws import metrics as metrics
from scalinglaws import planning as planning
from scalinglaws.core.catalogue import Laws as Laws
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
from scalinglaws.fitting.chain import Chain as Chain
from scalinglaws.fitting.chain import chain as chain
from scalinglaws.fitting.diagnostics.checks import Status as Status
from scalinglaws.fitting.fit import fit as fit
from scalinglaws.fitting.inference.prediction import Prediction as Prediction
from scalinglaws.fitting.many import Fits as Fits
from scalinglaws.fitting.many import fit_each as fit_each
from scalinglaws.fitting.published import Published as Published
from scalinglaws.fitting.published import published as published
from scalinglaws.fitting.result import Fit as Fit
from scalinglaws.forecasting.backtest import Backtest as Backtest
from scalinglaws.forecasting.backtest import backtest as backtest
from scalinglaws.forecasting.chained_forecast import ChainedForecast as ChainedForecast
from scalinglaws.forecasting.comparison import Comparison as Comparison
from scalinglaws.forecasting.comparison import compare as compare
from scalinglaws.forecasting.curve import CurveForecast as CurveForecast
from scalinglaws.forecasting.curves import CurveForecasts as CurveForecasts
from scalinglaws.forecasting.forecast import Forecast as Forecast
from scalinglaws.forecasting.grouped_forecast import GroupedForecast as GroupedForecast
from scalinglaws.forecasting.make import forecast as forecast
from scalinglaws.forecasting.unfinished_run import UnfinishedRun as UnfinishedRun
from scalinglaws.forecasting.unfinished_run import finish as finish
from scalinglaws.loading import load as load
from scalinglaws.planning import compare_recipes as compare_recipes
from scalinglaws.planning import envelope as envelope
from scalinglaws.planning import gain as gain
from scalinglaws.planning import isoflop as isoflop
from scalinglaws.planning import limited_data as limited_data
from scalinglaws.planning import near_optimal as near_optimal
from scalinglaws.planning import next_runs as next_runs
from scalinglaws.planning import optimal as optimal
from scalinglaws.planning import overtraining as overtraining
from scalinglaws.planning import serving as serving
from scalinglaws.planning import simulate as simulate
from scalinglaws.readers import measure as measure
from scalinglaws.readers import read_runs as read_runs
from scalinglaws.schedules import schedule_features as schedule_features
from scalinglaws.transformer import Transformer as Transformer

__version__ = "0.1.0"

laws = Laws()

__all__ = [
    "Backtest",
    "Chain",
    "ChainedForecast",
    "Comparison",
    "ConvergenceWarning",
    "CurveForecast",
    "CurveForecasts",
    "DataError",
    "DataWarning",
    "ExtrapolationWarning",
    "FileFormatError",
    "Fit",
    "FitError",
    "Fits",
    "Forecast",
    "FormulaError",
    "GroupedForecast",
    "IdentifiabilityWarning",
    "LackOfFitWarning",
    "Law",
    "Laws",
    "Prediction",
    "Published",
    "ScalingLawError",
    "ScalingLawWarning",
    "Status",
    "Transformer",
    "UnfinishedRun",
    "backtest",
    "chain",
    "compare",
    "compare_recipes",
    "datasets",
    "envelope",
    "finish",
    "fit",
    "fit_each",
    "forecast",
    "gain",
    "isoflop",
    "laws",
    "limited_data",
    "load",
    "measure",
    "metrics",
    "near_optimal",
    "next_runs",
    "optimal",
    "overtraining",
    "planning",
    "plotting",
    "published",
    "read_runs",
    "schedule_features",
    "serving",
    "simulate",
]


def __getattr__(name: str) -> _ModuleType:
    """The pictures, imported when they are first asked for: matplotlib takes a while."""
    if name == "plotting":
        return _import_module("scalinglaws.plotting")
    raise AttributeError(f"module 'scalinglaws' has no attribute {name!r}")


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
