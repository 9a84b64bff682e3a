"""
A model for many served tokens
==============================

The more tokens a model will serve, the smaller is the model of least total cost.
:func:`~scalinglaws.plotting.plot_serving` draws its size against the number of served tokens.
"""

import scalinglaws as sl
from scalinglaws.plotting import plot_serving

runs = sl.datasets.ladder()
fit = sl.fit(runs[runs["D"] > 1.5e6], "kaplan")
plot_serving(fit, ("1M", "10B"), loss=1.3)
