"""
Extra compute for a smaller model
=================================

A smaller model reaches the same loss with more tokens.
:func:`~scalinglaws.plotting.plot_overtraining` draws the extra compute against the reduction in
size.
"""

import scalinglaws as sl
from scalinglaws.plotting import plot_overtraining

runs = sl.datasets.ladder()
fit = sl.fit(runs[runs["D"] > 1.5e6], "kaplan")
plot_overtraining(fit, 1e13)
