"""
The compute-optimal frontier
============================

:func:`~scalinglaws.plotting.plot_frontier` draws the best model size for each budget, with its
confidence interval: solid within the runs and dashed beyond them.
"""

import scalinglaws as sl
from scalinglaws.plotting import plot_frontier

runs = sl.datasets.ladder()
fit = sl.fit(runs[runs["D"] > 1.5e6], "kaplan")
plot_frontier(fit)
