"""Tables of runs out of files. Readers return plain DataFrames and know nothing of laws."""

from scalinglaws.readers.tables import read_runs as read_runs

__all__ = ["read_runs"]
