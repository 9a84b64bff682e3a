"""
Observed against predicted
==========================

:func:`~scalinglaws.plotting.plot_observed` draws what each run reached against what the law
predicts. Hollow circles are larger runs that were held out of the fit.
"""

import scalinglaws as sl

runs = sl.datasets.ladder()
fit = sl.fit(runs[runs["D"] > 1.5e6], "kaplan")
fit.plot_observed(targets=sl.datasets.ladder("target"))
