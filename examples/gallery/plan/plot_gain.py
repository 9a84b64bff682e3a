"""
The compute multiplier of a recipe
==================================

:func:`~scalinglaws.compare_recipes` fits a law to the runs of each recipe.
:func:`~scalinglaws.plotting.plot_gain` draws how many times less compute the new recipe needs for
the same loss. The runs are simulated: with the new recipe every token is worth two.
"""

import numpy as np
import pandas as pd

import scalinglaws as sl

C, step = (a.ravel() for a in np.meshgrid([1e18, 1e19, 1e20, 1e21], np.geomspace(1 / 8, 8, 15)))
N = 1.35 * (C / 6) ** 0.45 * step
design = pd.DataFrame({"N": N, "D": C / (6 * N)})
truth = {"E": 1.69, "A": 406.4, "B": 410.7, "alpha": 0.34, "beta": 0.28}
better = truth | {"B": truth["B"] / 2 ** truth["beta"]}
old = sl.simulate("chinchilla", design, 0.003, values=truth).assign(recipe="old")
new = sl.simulate("chinchilla", design, 0.003, values=better, rng=1).assign(recipe="new")
sl.compare_recipes(pd.concat([old, new]), "recipe", C=np.geomspace(1e18, 1e23, 26)).plot()
