"""The objective of one law on one table, and the one batched optimiser of it."""
