"""Statistical inference: covariance, bootstrap, draws, profiles and intervals."""
