"""Tables of runs: columns, units, checks, clusters and replicates."""
