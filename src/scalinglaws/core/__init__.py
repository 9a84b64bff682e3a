"""What a law is; knows no data and no optimiser."""
