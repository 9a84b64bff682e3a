"""
Two laws in a row
=================

A metric is predicted through the loss. :func:`~scalinglaws.plotting.plot_chain` draws it against
compute, with the uncertainty of both steps. The accuracies here are simulated.
"""

import numpy as np

import scalinglaws as sl

runs = sl.datasets.ladder()
runs = runs[runs["D"] > 1.5e6]
noise = np.random.default_rng(0).normal(0, 0.004, len(runs))
runs = runs.assign(accuracy=0.1 + 2 * np.exp(-runs["loss"]) + noise)
to_accuracy = sl.fit(runs, "accuracy-sigmoid", y="accuracy", scale="level", fixed={"ceiling": 1.0})
sl.chain(sl.fit(runs, "kaplan"), to_accuracy).plot()
