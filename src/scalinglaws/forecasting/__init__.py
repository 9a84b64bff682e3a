"""Forecasts: one flexible law, plus the smooth error that any law has."""
