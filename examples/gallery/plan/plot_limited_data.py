"""
A plan with limited data
========================

:func:`~scalinglaws.plotting.plot_limited_data` draws the loss when unique tokens run out and are
repeated, compared with unlimited data.
"""

import scalinglaws as sl
from scalinglaws.plotting import plot_limited_data

runs = sl.datasets.ladder()
fit = sl.fit(runs[runs["D"] > 1.5e6], "kaplan")
plot_limited_data(fit, ("1e12", "1e15"), ["3M", "30M"])
