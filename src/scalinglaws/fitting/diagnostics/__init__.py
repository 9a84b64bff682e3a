"""Diagnostics of a fit: identifiability, lack of fit, outliers and trends."""
