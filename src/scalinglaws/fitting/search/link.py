"""The sum inside a law: what it must be for the law to meet a performance, and back."""

from __future__ import annotations

import numpy as np

from scalinglaws.arrays import FloatArray
from scalinglaws.core.algebra import ONE
from scalinglaws.core.structure import Separation


def inner_target(
    separation: Separation, y: FloatArray, outer: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """The sum at which the law is `y`, and the law's derivative in the sum there."""
    match separation.link:
        case "log":
            return np.exp(y), np.exp(-y)
        case "log1p":
            return np.expm1(y), np.exp(-y)
        case "sqrt":
            return y * y, 0.5 / y
    if separation.outer == ONE:
        return y, np.ones_like(y)
    target = y ** (1.0 / outer)
    return target, outer * y / target


def law_of(separation: Separation, total: FloatArray, outer: FloatArray) -> FloatArray:
    """The law's value where the sum is `total`."""
    match separation.link:
        case "log":
            return np.log(total)
        case "log1p":
            return np.log1p(total)
        case "sqrt":
            return np.sqrt(total)
    return total if separation.outer == ONE else np.asarray(total**outer)


def log_slope(separation: Separation, value: FloatArray, outer: FloatArray) -> FloatArray:
    """Logarithm of the law's derivative in the sum, where the law has that value."""
    if separation.link in ("log", "log1p"):
        return -value
    if separation.link == "sqrt":
        return np.asarray(-np.log(2.0 * value))
    if separation.outer == ONE:
        return np.zeros_like(value)
    return np.asarray(np.log(outer) + np.log(value) * (1.0 - 1.0 / outer))
