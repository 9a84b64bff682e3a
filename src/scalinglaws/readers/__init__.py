"""Logs and tables out of files. Readers return plain DataFrames and know nothing of laws."""

from scalinglaws.readers.measure import measure as measure
from scalinglaws.readers.pipeline import read_runs as read_runs

__all__ = ["measure", "read_runs"]
