"""What to train next: optima, frontiers, prices and the next runs, from a fitted law."""
