"""
Joint draws of the parameters
=============================

:func:`~scalinglaws.plotting.plot_corner` draws the distribution of each parameter and of each
pair. Coefficients and their exponents lie along ridges, which separate intervals cannot show.
"""

import scalinglaws as sl
from scalinglaws.plotting import plot_corner

runs = sl.datasets.ladder()
fit = sl.fit(runs[runs["D"] > 1.5e6], "kaplan")
plot_corner(fit.bootstrap(2000, rng=0), estimate=fit.params)
