"""
The envelope of training curves
===============================

The best size at each compute lies on the lower envelope of the training curves.
:func:`~scalinglaws.plotting.plot_envelope` draws both. The curves here are simulated.
"""

import numpy as np
import pandas as pd

import scalinglaws as sl

sizes, lengths = np.geomspace(1e7, 1e10, 16), np.geomspace(1e8, 1e12, 30)
N, D = (grid.ravel() for grid in np.meshgrid(sizes, lengths))
runs = pd.DataFrame({"N": N, "D": D, "loss": 1.7 + 400 / N**0.34 + 410 / D**0.34})
sl.envelope(runs, n_resamples=20).plot()
