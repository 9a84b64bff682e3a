"""The results table: roles of columns, units, checks, repeated runs."""
