"""From a table of runs to coefficients, intervals and a verdict."""
