"""
A curve and its forecast
========================

With ``x``, a table is one curve in one variable.
:func:`~scalinglaws.plotting.plot_curve_forecast` draws the points and the forecast beyond them.
Here the curve is the loss of one model size against its training data.
"""

import scalinglaws as sl

runs = sl.datasets.ladder()
curve = runs[runs["N"] == 103_344]
sl.forecast(curve, x="D", confidence_level=0.9).plot()
