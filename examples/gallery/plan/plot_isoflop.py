"""
IsoFLOP profiles
================

Runs of equal compute and different sizes have a minimum.
:func:`~scalinglaws.plotting.plot_isoflop` draws the runs of each budget, the parabola and its
minimum with interval. The runs are simulated from the Chinchilla law with 0.2 per cent noise.
"""

import numpy as np

import scalinglaws as sl

C, step = (a.ravel() for a in np.meshgrid([1e18, 1e19, 1e20, 1e21], np.geomspace(1 / 8, 8, 15)))
N = 1.35 * (C / 6) ** 0.45 * step
design = {"N": N, "D": C / (6 * N)}
truth = {"E": 1.69, "A": 406.4, "B": 410.7, "alpha": 0.34, "beta": 0.28}
sl.isoflop(sl.simulate("chinchilla", design, 0.002, values=truth)).plot()
