"""
A metric through the loss
=========================

An accuracy is forecast through the loss, without a law.
:func:`~scalinglaws.plotting.plot_chained_forecast` draws it against compute. The accuracies here
are simulated.
"""

import numpy as np

import scalinglaws as sl

runs = sl.datasets.ladder()
runs = runs[runs["D"] > 1.5e6]
noise = np.random.default_rng(0).normal(0, 0.004, len(runs))
runs = runs.assign(accuracy=0.1 + 2 * np.exp(-runs["loss"]) + noise)
sl.forecast(runs, through="loss", y="accuracy", limits=(0.1, 1.0)).plot()
