"""Logs and tables out of files. Readers return plain DataFrames and know nothing of laws."""

from scalinglaws.readers.read import read_runs as read_runs

__all__ = ["read_runs"]
