"""Where the optimiser begins, and how the global minimum is made sure of."""
