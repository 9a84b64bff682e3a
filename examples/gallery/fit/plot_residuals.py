"""
Residuals of a law that does not fit
====================================

:func:`~scalinglaws.plotting.plot_residuals` draws the residuals against a variable, with one
standard deviation of a run as a grey band. The shortest runs were still warming up, and their
residuals fan out. The verdict reports the lack of fit as a warning, which is silenced here.
"""

import warnings

import scalinglaws as sl

with warnings.catch_warnings(action="ignore", category=sl.LackOfFitWarning):
    fit = sl.fit(sl.datasets.ladder(), "chinchilla")
fit.plot_residuals("D")
