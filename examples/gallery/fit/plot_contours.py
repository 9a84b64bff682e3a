"""
A law over size and data
========================

:func:`~scalinglaws.plotting.plot_contours` draws lines of equal loss, budgets as diagonals, the
compute-optimal frontier and the runs.
"""

import scalinglaws as sl
from scalinglaws.plotting import plot_contours

runs = sl.datasets.ladder()
fit = sl.fit(runs[runs["D"] > 1.5e6], "kaplan")
plot_contours(fit)
