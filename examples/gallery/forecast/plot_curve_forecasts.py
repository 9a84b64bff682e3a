"""
Several curves
==============

Each series is a curve over its training tokens.
:func:`~scalinglaws.plotting.plot_curve_forecasts` draws their forecasts on the same axes.
"""

import scalinglaws as sl

runs = sl.datasets.ladder()
longest = runs.groupby("N")["D"].transform("max")
runs = runs[(longest > 1.5e7) & (runs["N"] > 2e4)]
curves = runs.groupby(["N", "D"], as_index=False)["loss"].mean()
sl.forecast(curves.assign(size=curves["N"].astype(str)), x="D", series="size").plot()
