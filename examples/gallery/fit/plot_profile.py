"""
The profile of an exponent
==========================

The law is refitted with the exponent fixed at many values.
:func:`~scalinglaws.plotting.plot_profile` draws the increase of the objective, the threshold and
the interval where the two meet.
"""

import scalinglaws as sl

runs = sl.datasets.ladder()
fit = sl.fit(runs[runs["D"] > 1.5e6], "kaplan")
fit.plot_profile("alpha_N")
