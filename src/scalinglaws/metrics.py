"""Performance metrics, with units and noise: losses, accuracies, pass rates.

Everything takes and returns numbers or arrays, which broadcast.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from scalinglaws.arrays import BoolArray, FloatArray
from scalinglaws.options import SCALES, ScaleName, check_option

_LN2 = float(np.log(2.0))

# --- losses -------------------------------------------------------------------------------------


def perplexity(loss: npt.ArrayLike) -> Any:
    """Perplexity of a loss in nats per token, ``exp(loss)``.

    Parameters
    ----------
    loss : float or array
        Nats per token.

    Returns
    -------
    float or array

    Raises
    ------
    ValueError
        If a loss is not finite.

    Examples
    --------
    >>> float(perplexity(0.0))
    1.0
    """
    return np.exp(_finite("loss", loss))


def loss_from_perplexity(perplexity: npt.ArrayLike) -> Any:
    """Loss in nats per token of a perplexity, its logarithm.

    Parameters
    ----------
    perplexity : float or array
        Perplexity per token, at least 1.

    Returns
    -------
    float or array
        Nats per token.

    Raises
    ------
    ValueError
        If a perplexity is below one.

    Examples
    --------
    >>> float(loss_from_perplexity(1.0))
    0.0
    """
    values = _finite("perplexity", perplexity)
    _refuse(values < 1, "perplexity", "at least 1", values)
    return np.log(values)


def bits_per_byte(loss: npt.ArrayLike, bytes_per_token: npt.ArrayLike) -> Any:
    """Loss in bits per byte of text, which is comparable across tokenizers.

    The formula is ``loss / (ln(2) * bytes_per_token)``.

    Parameters
    ----------
    loss : float or array
        Nats per token.
    bytes_per_token : float or array
        Bytes per token of the text on which the loss was measured.

    Returns
    -------
    float or array
        Bits per byte.

    Raises
    ------
    ValueError
        If there are not more than zero bytes per token.

    Examples
    --------
    >>> round(float(bits_per_byte(2.77, bytes_per_token=4.0)), 3)
    0.999
    """
    return _finite("loss", loss) / (_LN2 * _positive("bytes_per_token", bytes_per_token))


def loss_from_bits_per_byte(bits: npt.ArrayLike, bytes_per_token: npt.ArrayLike) -> Any:
    """Loss in nats per token from bits per byte; the inverse of `bits_per_byte`.

    Parameters
    ----------
    bits : float or array
        Bits per byte.
    bytes_per_token : float or array
        Bytes per token of the text on which the loss was measured.

    Returns
    -------
    float or array
        Nats per token.

    Raises
    ------
    ValueError
        If there are not more than zero bytes per token.

    Examples
    --------
    >>> round(float(loss_from_bits_per_byte(0.999, bytes_per_token=4.0)), 2)
    2.77
    """
    return _finite("bits", bits) * (_LN2 * _positive("bytes_per_token", bytes_per_token))


# --- accuracies and other shares ----------------------------------------------------------------


def above_chance(accuracy: npt.ArrayLike, chance: npt.ArrayLike, ceiling: float = 1.0) -> Any:
    """Accuracy on a scale from 0, at chance level, to 1, at the ceiling.

    The formula is ``(accuracy - chance) / (ceiling - chance)``.

    Parameters
    ----------
    accuracy : float or array
        Share of correct answers, 0 to 1.
    chance : float or array
        Accuracy of guessing, such as 0.25 with four answers.
    ceiling : float, default 1
        Highest possible accuracy; below 1 if the test has wrong labels.

    Returns
    -------
    float or array

    Raises
    ------
    ValueError
        If chance level is not below the ceiling.

    Examples
    --------
    >>> float(above_chance(0.625, chance=0.25))
    0.5
    """
    low = _finite("chance", chance)
    ceiling = float(_finite("ceiling", ceiling))
    _refuse(low >= ceiling, "chance", f"below the ceiling of {ceiling:g}", low)
    return (_finite("accuracy", accuracy) - low) / (ceiling - low)


def binomial_std_error(accuracy: npt.ArrayLike, n_questions: npt.ArrayLike) -> Any:
    r"""Standard error of an accuracy, or of another share, from the number of questions.

    .. math::
        \sqrt{\frac{\tilde p (1 - \tilde p)}{n + 2}}, \qquad
        \tilde p = \frac{n p + 1/2}{n + 1},

    the standard deviation of the posterior under Jeffreys' prior. With many questions it equals the
    usual :math:`\sqrt{p(1 - p)/n}`. Unlike that, it is not zero if all answers are right or all
    are wrong.

    Parameters
    ----------
    accuracy : float or array
        Share of correct answers, 0 to 1.
    n_questions : float or array
        Number of questions.

    Returns
    -------
    float or array
        Standard error, in units of the accuracy.

    Raises
    ------
    ValueError
        If an accuracy is outside 0 to 1, as per cent are, or there is less than one question.

    Notes
    -----
    This is the sampling error of the questions. Models that answer the same questions share much
    of it. It does not include the scatter between seeds.

    Examples
    --------
    >>> round(float(binomial_std_error(0.5, 10_000)), 5)
    0.005
    """
    share = _finite("accuracy", accuracy)
    _refuse((share < 0) | (share > 1), "accuracy", "a share from 0 to 1", share)
    n = _positive("n_questions", n_questions)
    _refuse(n < 1, "n_questions", "at least 1", n)
    shrunk = (n * share + 0.5) / (n + 1)
    return np.sqrt(shrunk * (1 - shrunk) / (n + 2))


def binomial_weights(
    accuracy: npt.ArrayLike,
    n_questions: npt.ArrayLike,
    *,
    scale: ScaleName = "level",
    run_std_error: float = 0.0,
) -> Any:
    """Weights for `scalinglaws.fit` of accuracies over a number of questions.

    Parameters
    ----------
    accuracy, n_questions : float or array
        As in `binomial_std_error`.
    scale : {"level", "log"}
        Scale of the fit: residuals of the accuracy, or of its logarithm.
    run_std_error : float, default 0
        Standard deviation of the accuracy over runs that differ only in the seed. It keeps runs
        near 0 and 1 from having nearly all the weight.

    Returns
    -------
    float or array
        Inverse variances.

    Raises
    ------
    ValueError
        As `binomial_std_error`; also if an accuracy of zero is to have a logarithm.

    Notes
    -----
    `Fit.predict` gives the prediction interval of a run of average weight. It is too wide near 0
    and 1, and slightly too narrow half-way.

    Examples
    --------
    >>> import numpy as np
    >>> weights = binomial_weights([0.5, 0.9], n_questions=[100, 100])
    >>> np.round(weights / weights[0], 2).tolist()
    [1.0, 2.68]
    """
    check_option("scale", scale, SCALES)
    between = _finite("run_std_error", run_std_error)
    _refuse(between < 0, "run_std_error", "0 or more", between)
    precision = 1 / (binomial_std_error(accuracy, n_questions) ** 2 + between**2)
    if scale == "level":
        return precision
    share = _positive("accuracy", accuracy)
    return precision * share**2


def pass_at_k(n_samples: npt.ArrayLike, n_correct: npt.ArrayLike, k: npt.ArrayLike) -> Any:
    r"""Unbiased estimate of pass@k for each problem, from a larger number of samples.

    .. math::
        1 - \frac{\binom{n - c}{k}}{\binom{n}{k}}

    Parameters
    ----------
    n_samples, n_correct : int or array
        Number n of samples of each problem, and number c of correct ones.
    k : int or array
        Number of allowed samples, at most `n_samples`.

    Returns
    -------
    float or array
        Probability that at least one of k samples is correct, for each problem. The mean over
        problems is the coverage.

    Raises
    ------
    ValueError
        If a count is not whole, or `n_correct` or k exceeds `n_samples`.

    References
    ----------
    Chen et al. 2021, arXiv:2107.03374.

    Examples
    --------
    >>> round(float(pass_at_k(n_samples=4, n_correct=1, k=2)), 12)
    0.5
    """
    counts = (("n_samples", n_samples), ("n_correct", n_correct), ("k", k))
    n, c, wanted = np.broadcast_arrays(*(_whole(name, values) for name, values in counts))
    _refuse(c > n, "n_correct", "at most n_samples", c)
    _refuse((wanted > n) | (wanted < 1), "k", "from 1 to n_samples", wanted)
    # the probability that none is right, as a product that neither overflows nor cancels
    log_none = np.zeros(n.shape)
    with np.errstate(divide="ignore"):
        for j in range(int(wanted.max(initial=0))):
            left = np.where(j < wanted, n - j, np.inf)
            log_none += np.log1p(-np.minimum(c / left, 1.0))
    return -np.expm1(log_none)


# --- checks ---------------------------------------------------------------------------------------


def _finite(name: str, values: npt.ArrayLike) -> FloatArray:
    try:
        array = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError):
        raise ValueError(
            f"`{name}` must be a number or an array of some; got {values!r}."
        ) from None
    _refuse(~np.isfinite(array), name, "finite", array)
    return array


def _positive(name: str, values: npt.ArrayLike) -> FloatArray:
    array = _finite(name, values)
    _refuse(array <= 0, name, "positive", array)
    return array


def _whole(name: str, values: npt.ArrayLike) -> FloatArray:
    array = _finite(name, values)
    _refuse((array < 0) | (array != np.floor(array)), name, "a whole number, 0 or more", array)
    return array


def _refuse(wrong: BoolArray, name: str, what: str, values: FloatArray) -> None:
    if np.any(wrong):
        first = np.ravel(values)[np.flatnonzero(np.ravel(wrong))[0]]
        raise ValueError(f"`{name}` must be {what}; got {first:g}.")
