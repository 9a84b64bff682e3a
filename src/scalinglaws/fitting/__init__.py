"""Fit laws to tables of runs, with intervals and verdicts."""
