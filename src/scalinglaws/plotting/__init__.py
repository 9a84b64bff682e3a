"""Pictures of fits over the observed runs. Functions take `ax=`, return Axes, change nothing else."""

from scalinglaws.plotting.curves import plot_fit as plot_fit
from scalinglaws.plotting.residuals import plot_residuals as plot_residuals

__all__ = ["plot_fit", "plot_residuals"]
