"""Pictures of fits over the observed runs: `ax=` in, Axes out, nothing else changes."""

from scalinglaws.plotting.curves import plot_fit as plot_fit
from scalinglaws.plotting.residuals import plot_residuals as plot_residuals

__all__ = ["plot_fit", "plot_residuals"]
