"""One self-contained HTML page about a fit and its forecast, with a planner."""
