"""Whether a fit is to be trusted: what the runs determine, and what the law misses."""
