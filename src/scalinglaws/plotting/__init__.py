"""Plots of fits, plans and forecasts; each takes `ax=` and changes no global state."""

from scalinglaws.plotting.chains import plot_chain as plot_chain
from scalinglaws.plotting.chains import plot_chained_forecast as plot_chained_forecast
from scalinglaws.plotting.comparisons import plot_backtest as plot_backtest
from scalinglaws.plotting.comparisons import plot_comparison as plot_comparison
from scalinglaws.plotting.comparisons import plot_gain as plot_gain
from scalinglaws.plotting.corner import plot_corner as plot_corner
from scalinglaws.plotting.curve_forecasts import plot_curve_forecast as plot_curve_forecast
from scalinglaws.plotting.curve_forecasts import plot_curve_forecasts as plot_curve_forecasts
from scalinglaws.plotting.curve_forecasts import plot_grouped_forecast as plot_grouped_forecast
from scalinglaws.plotting.curve_forecasts import plot_unfinished_run as plot_unfinished_run
from scalinglaws.plotting.designs import plot_envelope as plot_envelope
from scalinglaws.plotting.designs import plot_isoflop as plot_isoflop
from scalinglaws.plotting.designs import plot_next_runs as plot_next_runs
from scalinglaws.plotting.fit_curves import plot_fit as plot_fit
from scalinglaws.plotting.fit_diagnostics import plot_observed as plot_observed
from scalinglaws.plotting.fit_diagnostics import plot_profile as plot_profile
from scalinglaws.plotting.fit_diagnostics import plot_residuals as plot_residuals
from scalinglaws.plotting.forecasts import plot_forecast as plot_forecast
from scalinglaws.plotting.frontiers import plot_contours as plot_contours
from scalinglaws.plotting.frontiers import plot_frontier as plot_frontier
from scalinglaws.plotting.plan_ranges import plot_limited_data as plot_limited_data
from scalinglaws.plotting.plan_ranges import plot_near_optimal as plot_near_optimal
from scalinglaws.plotting.plan_ranges import plot_overtraining as plot_overtraining
from scalinglaws.plotting.plan_ranges import plot_serving as plot_serving

__all__ = [
    "plot_backtest",
    "plot_chain",
    "plot_chained_forecast",
    "plot_comparison",
    "plot_contours",
    "plot_corner",
    "plot_curve_forecast",
    "plot_curve_forecasts",
    "plot_envelope",
    "plot_fit",
    "plot_forecast",
    "plot_frontier",
    "plot_gain",
    "plot_grouped_forecast",
    "plot_isoflop",
    "plot_limited_data",
    "plot_near_optimal",
    "plot_next_runs",
    "plot_observed",
    "plot_overtraining",
    "plot_profile",
    "plot_residuals",
    "plot_serving",
    "plot_unfinished_run",
]
