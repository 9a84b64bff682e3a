"""Names of the user's, shown as they are in the terminal, in notebooks and in pictures."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from matplotlib.axes import Axes
from matplotlib.mathtext import MathTextParser

import scalinglaws as sl
from scalinglaws.core.typeset import name_to_latex
from scalinglaws.escaping import (
    for_html,
    for_latex,
    for_picture,
    for_terminal,
    maths_for_picture,
    one_line,
)
from scalinglaws.plotting import plot_corner
from scalinglaws.plotting.axes import figure_of
from tests.conftest import make_runs

NAMES = [r"$\frac{$", "_<b>{x}</b> $a$_b^c\\ 5 % & # \"q'`~|"]


@pytest.mark.parametrize("code", [*range(1, 256), 0x3B1, 0x202E, 0xD800])
def test_every_character_is_set_as_maths(code: int) -> None:
    """Matplotlib's parser takes it, alone and inside a word."""
    for text in (chr(code), f"a{chr(code)}b", chr(code) * 2):
        MathTextParser("path").parse(maths_for_picture(for_latex(text)))
        MathTextParser("path").parse(maths_for_picture(name_to_latex(text)))


def test_control_characters_are_written_out() -> None:
    """Colours, bells and ends of lines."""
    assert for_terminal("a\x1b[31mb\x07\n") == "a\\x1b[31mb\\x07\n"
    assert one_line("a\nb\u202e") == "a\\nb\\u202e"


def test_html_has_no_maths_and_no_tags() -> None:
    """Dollars are kept apart, so that a notebook pairs none."""
    assert for_html("<a>$x$") == "&lt;a&gt;<span>$</span>x<span>$</span>"


def test_a_picture_has_no_maths() -> None:
    """Whatever the number of dollars, and no label is hidden by a leading underscore."""
    assert for_picture("$a") == r"\$a"
    assert for_picture("_a") == " _a"


@pytest.fixture(params=NAMES)
def name(request: pytest.FixtureRequest) -> str:
    """One name at a time."""
    return str(request.param)


@pytest.fixture
def fit(name: str) -> sl.Fit:
    """A fit with this name as column, performance, group and row."""
    runs = make_runs(noise=0.005)
    runs["s"] = np.where(np.arange(len(runs)) % 2, name, "c4")
    runs.index = pd.Index([f"{name}{k}" for k in range(len(runs))])
    runs = runs.rename(columns={"N": name, "loss": f"loss {name}"})
    columns = {"N": name, "D": "D", "s": "s"}
    return sl.fit(runs, "E[s] + A/N**alpha + B/D**beta", y=f"loss {name}", columns=columns)


def _pictures(fit: sl.Fit) -> Iterator[Axes]:
    yield fit.plot()
    yield fit.plot("N")
    yield fit.plot_residuals()
    yield fit.plot_profile(f"E[{fit.law.levels['s'][0]}]", n_points=5)
    yield plot_corner(fit.draws(50))[0, 0]


def test_pictures_are_drawn(fit: sl.Fit, name: str) -> None:
    """None is taken for maths; the labels are the names."""
    for ax in _pictures(fit):
        figure_of(ax).savefig(io.BytesIO(), format="svg")
    label = fit.plot().get_ylabel()
    plt.close("all")
    said = label.replace(r"\$", "$").replace("\n", " ").strip()
    assert said.startswith(f"loss {name}; bands: ")  # the kind of the bands follows
    assert "$" not in label.replace(r"\$", "")


def test_summaries_hold_the_name(fit: sl.Fit, name: str) -> None:
    """As text it is itself; as HTML its characters are, apart from tags."""
    assert name in fit.summary()
    html = fit._repr_html_()
    assert "<b>" not in html
    outside = re.sub(r"<div>\$.*?\$</div>", "", html)  # the law itself
    assert re.sub(r"<span>[$\\]</span>", "", outside).count("$") == 0


def test_series_are_escaped() -> None:
    """Names and reasons, in text and HTML."""
    runs = make_runs(noise=0.005).assign(s="ok")
    few = runs.head(2).assign(s="<script>alert(1)</script>\x1b[31m$x$")
    with pytest.warns(sl.ScalingLawWarning):
        fits = sl.fit_each(pd.concat([runs, few]), "chinchilla", by="s")
    html = fits._repr_html_()
    assert "<script>" not in html
    assert "&lt;script&gt;" in html
    assert "\x1b" not in repr(fits) + html


def test_errors_and_warnings_have_no_control_characters() -> None:
    """A column's name may hold them; a terminal must not act on them."""
    runs = make_runs(noise=0.005).rename(columns={"N": "N\x1b[31m"})
    with pytest.raises(sl.DataError, match=r"N\\x1b\[31m is missing"):
        sl.fit(runs.where(runs["D"] > 2e9), "chinchilla", columns={"N": "N\x1b[31m"})
    with pytest.warns(sl.DataWarning, match=r"N\\x1b\[31m"):
        sl.fit(
            runs.where(runs["D"] > runs["D"].min()), "chinchilla",
            columns={"N": "N\x1b[31m"}, missing="drop",
        )  # fmt: skip
