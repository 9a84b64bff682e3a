"""Forecasts of real runs that were hidden, beside laws, and of simulated runs."""

from benchmarks.forecast.real_runs import run as run
