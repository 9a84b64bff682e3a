"""How sure: covariance, resamples, draws, profiles and the intervals made of them."""
