"""
Forecasts of groups
===================

Two recipes are forecast together, which helps the one with fewer runs.
:func:`~scalinglaws.plotting.plot_grouped_forecast` draws them on the same axes. The second recipe
is simulated.
"""

import pandas as pd

import scalinglaws as sl

runs = sl.datasets.ladder()
runs = runs[runs["D"] > 1.5e6]
better = runs.assign(recipe="new", loss=0.95 * runs["loss"])
sl.forecast(pd.concat([runs.assign(recipe="old"), better]), groups="recipe").plot()
