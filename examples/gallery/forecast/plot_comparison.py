"""
Laws compared at one target
===========================

:func:`~scalinglaws.compare` fits several laws to one table.
:func:`~scalinglaws.plotting.plot_comparison` draws their predictions of one run, with the
forecast. The runs decide little here: several laws fit them about equally well and differ at the
target.
"""

import scalinglaws as sl

runs = sl.datasets.ladder()
long_runs = runs[runs["D"] > 1.5e6]
sl.compare(long_runs, ["chinchilla", "kaplan", "gadre"], N="1M", D="16M").plot()
