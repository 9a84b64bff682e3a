"""
A back-test
===========

Larger runs are hidden and predicted from the smaller ones.
:func:`~scalinglaws.plotting.plot_backtest` draws the error at each hidden run, with the interval
that was predicted for it.
"""

import scalinglaws as sl

runs = sl.datasets.ladder()
forecast = sl.forecast(runs[runs["D"] > 1.5e6], confidence_level=0.9)
forecast.backtest().plot()
