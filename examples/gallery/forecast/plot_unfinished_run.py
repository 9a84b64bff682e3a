"""
A run that is still training
============================

:func:`~scalinglaws.plotting.plot_unfinished_run` draws the checkpoints of a run, and where it will
end by the finished runs of the same schedule. The runs here are simulated.
"""

import numpy as np
import pandas as pd

import scalinglaws as sl

rng, share = np.random.default_rng(0), np.array([0.2, 0.4, 0.6, 0.8, 1.0])
tables = []
for k, size in enumerate(np.geomspace(1e7, 3e9, 10)):
    seen = share * size * (20 if k % 2 else 60)
    loss = 1.8 + 480 / size**0.35 + 2100 / seen**0.37
    loss *= np.exp(0.06 * (1 - share) + 0.001 * rng.standard_normal(len(share)))
    tables.append(pd.DataFrame({"run": f"r{k}", "N": size, "D": seen, "loss": loss}))
runs = pd.concat(tables).iloc[:-2]
sl.finish(runs, "r9", D="60B").plot()
