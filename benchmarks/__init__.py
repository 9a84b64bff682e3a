"""Measurements of the library side by side with what people use today: python -m benchmarks."""

import os

# one core, set before NumPy loads its linear algebra
for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_name, "1")
