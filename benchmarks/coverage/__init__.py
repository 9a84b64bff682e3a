"""Do the intervals hold? Simulated tables of known laws, and how often the truth is inside."""
