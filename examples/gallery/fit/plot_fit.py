"""
A fitted law
============

:func:`~scalinglaws.plotting.plot_fit` draws one curve for each model size: solid within the runs
and dashed beyond them. Hollow circles are larger runs that were held out of the fit.
"""

import scalinglaws as sl

runs = sl.datasets.ladder()
fit = sl.fit(runs[runs["D"] > 1.5e6], "kaplan")
fit.plot(targets=sl.datasets.ladder("target"))
