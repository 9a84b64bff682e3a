"""
Sizes that are nearly optimal
=============================

The optimum is flat. :func:`~scalinglaws.plotting.plot_near_optimal` draws the model sizes whose
loss is within 0.2 and 1 per cent of the best on each budget.
"""

import scalinglaws as sl
from scalinglaws.plotting import plot_near_optimal

runs = sl.datasets.ladder()
fit = sl.fit(runs[runs["D"] > 1.5e6], "kaplan")
plot_near_optimal(fit, (1e12, 1e15))
