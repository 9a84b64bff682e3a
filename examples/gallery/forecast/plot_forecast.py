"""
A forecast over compute
=======================

:func:`~scalinglaws.plotting.plot_forecast` draws the runs, the forecast with its interval, and
the share of each source of variance. Hollow points are larger runs that were held out. The
back-test is drawn beside the forecast.
"""

import scalinglaws as sl

runs = sl.datasets.ladder()
forecast = sl.forecast(runs[runs["D"] > 1.5e6], confidence_level=0.9)
forecast.plot(targets=sl.datasets.ladder("target"))
