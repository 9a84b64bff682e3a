"""
The next runs
=============

:func:`~scalinglaws.next_runs` chooses the runs that narrow a prediction most for a given compute.
:func:`~scalinglaws.plotting.plot_next_runs` draws them among the candidates.
"""

import scalinglaws as sl

runs = sl.datasets.ladder()
fit = sl.fit(runs[runs["D"] > 1.5e6], "kaplan")
sl.next_runs(fit, budget=3e13, C=1e14).plot()
