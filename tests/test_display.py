"""Every public result, as text of 88 columns and as HTML that is safe and needs no script."""

from __future__ import annotations

import io
import pickle
import re
import sys
import warnings
from collections.abc import Iterator
from html.parser import HTMLParser
from typing import Any

import numpy as np
import pandas as pd
import pytest

import scalinglaws as sl
from scalinglaws.cli.vocabulary import in_terminal, nearest_verb
from scalinglaws.core.typeset import to_html
from scalinglaws.display import (
    Bars,
    Card,
    Column,
    Interval,
    Table,
    as_html,
    as_text,
    card_of,
    pairs,
)
from scalinglaws.display.bar_scale import bar_scale
from tests.conftest import make_runs
from tests.planning_cases import EPOCH
from tests.test_isoflop import profiles

HOSTILE = "<script>x</script>\x1b[31m$y$ \\ \n'\"&"


def _results(name: str) -> Iterator[tuple[str, Any]]:
    """Each kind of result; `name` is that of a performance, a group, a series and a recipe."""
    runs = make_runs(noise=0.005).rename(columns={"loss": name})
    fit = sl.fit(runs, "chinchilla", y=name)
    yield "fit", fit
    yield "doubtful fit", sl.fit(runs.assign(C=6 * runs["N"] * runs["D"]), "power", y=name)
    yield "prediction", fit.predict(N="70B", D="1.4T")
    yield "predictions", fit.predict(N=np.geomspace(1e9, 1e11, 60), D="1T")
    yield (
        "prediction without forecast",
        sl.fit(runs, "power", y=name, columns={"D": "D"}).predict(D="1T"),
    )
    yield from _plans(fit)
    yield from _analyses(name, fit, runs)
    yield from _forecasts(name, runs)
    yield from _others(name, runs)


def _plans(fit: sl.Fit) -> Iterator[tuple[str, Any]]:
    plan = sl.planning
    yield "optimal", sl.optimal(fit, C=["1e22", "1e23", "1e24"])
    yield "optimal of one", sl.optimal(fit, C="1e24")
    yield "optimal of N", sl.optimal(fit, N="7B")
    yield "optimal of D", sl.optimal(fit, D="1T")
    yield "optimal of loss", sl.optimal(fit, loss=[2.2, 1.0])
    yield "optimal with limits", sl.optimal(fit, C=[1e22, 1e24], limits={"N": (0, "2B")})
    yield "optimal of published", sl.optimal(EPOCH, C="1e24")
    yield "serving", sl.serving(fit, served=["1T", "10T"], budget=1e24)
    yield "serving for a loss", sl.serving(fit, served="1T", loss=2.1)
    yield "served for", plan.served_for(fit, N="7B", D="2T")
    yield "served for none", plan.served_for(fit, N="70B", D="20B")
    yield "limited data", sl.limited_data(fit, C=1e23, unique=["10B", "10T"])
    yield "overtraining", sl.overtraining(fit, C=1e23)
    yield "near optimal", sl.near_optimal(fit, C=[1e23, 1e24])
    yield "regret", plan.regret(fit, N=["8B", "70B"], D="15T")
    yield "bill", plan.bill([1e22, 5.76e23], device="H100", utilisation=0.4, price=2, power=700)
    yield "next runs", sl.next_runs(fit, budget=1e22, C=1e24, most_runs=3)
    yield "next runs for N", sl.next_runs(fit, budget=1e22, C=1e24, question="N", most_runs=2)
    yield (
        "next runs for laws",
        sl.next_runs(fit, budget=1e22, question="law", rival=EPOCH, most_runs=2),
    )
    yield "gain", sl.gain(fit, EPOCH, C=[1e22, 1e24])


def _analyses(name: str, fit: sl.Fit, runs: pd.DataFrame) -> Iterator[tuple[str, Any]]:
    sweep = profiles(EPOCH, width=4, noise=0.002).rename(columns={"loss": name})
    isoflop = sl.isoflop(sweep, y=name, n_resamples=50)
    yield "isoflop", isoflop
    yield "bias", isoflop.bias
    yield "trend", isoflop.predict(["1e23", "1e25"])
    yield "envelope", sl.envelope(runs, y=name, n_resamples=20)
    yield "approaches", sl.planning.approaches(runs, fit, C=1e24, y=name, n_resamples=20)
    recipes = [runs.assign(recipe=label) for label in ("old", name, "third")]
    for table in (recipes[:2], recipes):
        both = pd.concat(table)
        both[name] *= 1 + 0.002 * np.random.default_rng(0).standard_normal(len(both))
        yield (
            f"{len(table)} recipes",
            sl.compare_recipes(both, "recipe", y=name, C=[1e20, 1e22], n_resamples=100),
        )


def _forecasts(name: str, runs: pd.DataFrame) -> Iterator[tuple[str, Any]]:
    forecast = sl.forecast(runs, y=name)
    yield "forecast", forecast
    yield "outlook", forecast.predict(N="70B", D="1.4T")
    yield "outlooks", forecast.predict(N=["7B", "70B"], D="1.4T")
    yield "reach", forecast.reach(2.0)
    yield "deciding run", forecast.deciding_run(N="70B", D="1.4T")
    yield "backtest", forecast.backtest()
    yield "comparison", sl.compare(runs, ["chinchilla", "muennighoff"], y=name, C="1e24")
    labelled = [runs.assign(data=label) for label in ("web", name)]
    yield "groups", sl.forecast(pd.concat(labelled), y=name, groups="data")
    known = runs.assign(accuracy=1 / (1 + runs[name] ** 2))
    yield "through", sl.forecast(known, y="accuracy", through=name, limits=(0, 1))
    tokens = np.geomspace(1e8, 1e10, 15)
    curve = pd.DataFrame({"D": tokens, name: 2 + 300 / tokens**0.3, "s": name})
    few = curve.head(2).assign(s="few")
    yield "curve", sl.forecast(curve, y=name, x="D")
    yield "curves", sl.forecast(pd.concat([curve, few]), y=name, x="D", series="s")


def _others(name: str, runs: pd.DataFrame) -> Iterator[tuple[str, Any]]:
    to_error = sl.fit(runs.assign(err=runs[name] / 9), "power", y="err", columns={"D": name})
    chain = sl.chain(sl.fit(runs, "chinchilla", y=name), to_error)
    yield "chain", chain
    yield "chained prediction", chain.predict(N="7B", D="1T", n_resamples=100)
    series = pd.concat([runs.assign(s=name), runs.head(2).assign(s="few")])
    yield "fits", sl.fit_each(series, "chinchilla", by="s", y=name)
    yield "published", sl.published["chinchilla/epoch2024"]
    yield "published prediction", sl.published["chinchilla/epoch2024"].predict(N="7B", D="1T")
    yield "published sets", sl.published
    web = runs.assign(data="web")
    grouped = pd.concat([web, web.assign(data=name)])
    line = "E[data] + A/N**alpha + B/D**beta"
    yield "group", sl.planning.one_group(sl.fit(grouped, line, y=name), data="web")
    yield "law", sl.Law("loss ~ E[data] + A/N**alpha")
    yield "laws", sl.laws
    yield "entry", sl.laws.about("gadre")
    shape = sl.Transformer(width=64, layers=2, heads=4, vocabulary=1000, context=128, experts=4)
    yield "transformer", shape
    yield "flops", shape.flops()


@pytest.fixture(scope="module", params=["loss", HOSTILE], ids=["plain", "hostile"])
def results(request: pytest.FixtureRequest) -> dict[str, Any]:
    """All of them, once."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", sl.ScalingLawWarning)
        return dict(_results(request.param))


class _Tags(HTMLParser):
    """Elements and attributes, and whether every element is closed."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.seen: set[str] = set()
        self.attributes: set[str] = set()
        self.open: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.add(tag)
        self.attributes |= {name for name, _ in attrs}
        self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_text_fits_and_html_is_safe(results: dict[str, Any]) -> None:
    """Widths, numbers as people write them, no script, style sheet or class, all names escaped."""
    assert len(results) > 50
    for what, result in results.items():
        text, html = str(result), result._repr_html_()
        assert text == repr(result), what
        assert max(map(len, text.splitlines())) <= 88, what
        said = " ".join(text.split()).replace("columns={'U': ...}", "")  # of a message
        for unwanted in (r"\.\.\.", r"\de\+", r"\bnan\b", "999999", "\x1b", "curve_low"):
            assert not re.search(unwanted, said), (what, text)
        tags = _Tags(html)
        assert not tags.open, what
        assert tags.seen.isdisjoint({"script", "style", "link", "img"}), what
        assert tags.attributes.isdisjoint({"class", "id", "href", "src", "onload"}), what
        assert not re.search(r"[$\\]", re.sub(r"<(t?span)>[$\\]</\1>", "", _outside(html))), what
        assert "\x1b" not in html


def _outside(html: str) -> str:
    """Without the labels of pictures, which no notebook sets as maths."""
    return re.sub(r'aria-label="[^"]*"', "", html)


def test_a_part_of_a_plan_displays_as_pandas_does() -> None:
    """Rows or columns less, or one more: no answer of something else."""
    plan = sl.optimal(EPOCH, C=["1e22", "1e24"])
    answer = str(plan)

    assert answer.startswith("At 1e24 FLOP: ")
    assert isinstance(plan, pd.DataFrame)
    assert plan["N"].iloc[1] == pytest.approx(95.9e9, rel=1e-2)
    for part in (plan.head(1), plan[["C", "N"]], plan.assign(x=1), plan.copy(), plan.round(1)):
        assert "FLOP" not in repr(part)
        assert repr(part) == repr(pd.DataFrame(part))
    assert str(pickle.loads(pickle.dumps(plan))) == answer
    plan["more"] = 1
    assert "FLOP" not in repr(plan)
    assert "FLOP" not in plan._repr_html_()
    assert card_of(plan) is None


def test_text_and_html_are_of_one_card() -> None:
    """Five parts in their order; what has nothing to say is left out."""
    bars = Bars((Interval("law", 1.0, 2.0, 3.0, "2", role="law"), Interval("b", 2.0, 3.0, 4.0)))
    table = Table((Column("N", ("7B", "70B")), Column("words", ("a " * 60, ""), left=True)))
    card = Card(
        "The answer.", None, (bars,), (table,), ("caveat", "two", "3", "4"), "all", "call()"
    )

    for written in (as_text(card), as_html(card)):
        places = [written.index(part) for part in ("The answer.", "law", "70B", "caveat", "call()")]
        assert places == sorted(places)
        assert "2 more caveats: see all." in written
    assert as_text(Card("The answer.")) == "The answer."
    assert as_text(Card("x", tables=(pairs([]),))) == "x"


@pytest.mark.parametrize("encoding", ["ascii", "cp1252", "no such encoding"])
def test_a_terminal_without_unicode_gets_ascii(
    encoding: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Bars, arrows and signs have an ASCII form."""

    class Stream(io.StringIO):
        pass

    Stream.encoding = encoding  # type: ignore[assignment, misc]
    monkeypatch.setattr(sys, "stdout", Stream())
    bars = Bars((Interval("a", 1.0, 2.0, 3.0, "2", "±5 %"),))
    text = as_text(Card("answer", pictures=(bars,), next="call()"))

    assert "|---" in text
    assert "+-5 %" in text
    assert text.endswith("-> call()")
    assert text.isascii()


def test_bars_share_a_scale() -> None:
    """Logarithmic for positive numbers; missing and infinite ends do not hide the others."""
    rows = (
        Interval("a", 1.0, 2.0, 4.0),
        Interval("b", np.nan, 4.0, np.nan),
        Interval("c", 1.0, np.nan, 2.0),
        Interval("d", 0.0, 2.0, np.inf),
        Interval("e", 1e-9, 2.0, 1e9),
    )
    scale = bar_scale(Bars(rows))

    assert bar_scale(Bars(rows[:1])).place(2.0) == pytest.approx(0.5)
    assert not scale.shows(rows[2])
    for row in (rows[0], rows[1], rows[3], rows[4]):
        low, middle, high = scale.places(row)
        assert 0 <= low <= middle <= high <= 1
    assert bar_scale(Bars((rows[2],))).ticks() == []
    assert bar_scale(Bars((Interval("", -1.0, 0.0, 1.0),))).ticks() == [-1.0, -0.5, 0.0, 0.5, 1.0]


def test_formulas_need_no_script() -> None:
    """Every law of the catalogue, with raised exponents."""
    for law in sl.laws.values():
        html = law.shown.html
        assert not _Tags(html).open
        assert "**" not in html
    assert to_html(sl.Law("a*(b - c)**-2 / (d*N)").parsed.expression) == (
        "<i>a</i> &middot; (<i>b</i> &minus; <i>c</i>)<sup>&minus;2</sup>/"
        "(<i>d</i> &middot; <i>N</i>)"
    )


@pytest.mark.parametrize(
    ("message", "options", "expected"),
    [
        ('pass missing="drop".', ["--missing"], "pass --missing drop."),
        ("with columns={'U': ...}.", ["--columns"], "with --columns U=NAME."),
        ("cuts=[1e20]", ["--cuts"], "--cuts 1e20"),
        ("`budget` is", ["--allowance", "--budget"], "--allowance is"),
        ("`C` is", ["--budget"], "--budget is"),
        ("`nothing` is", ["--budget"], "`nothing` is"),
        ("see sl.optimal for which", [], "see scalinglaws plan for which"),
    ],
)
def test_messages_speak_of_options(message: str, options: list[str], expected: str) -> None:
    assert in_terminal(message, options) == expected


@pytest.mark.parametrize(
    ("word", "expected"), [("plam", "plan"), ("servings", "serve"), ("xyzzy", "")]
)
def test_a_misspelt_verb_has_a_nearest_one(
    word: str, expected: str, capsys: pytest.CaptureFixture[str]
) -> None:
    from scalinglaws.cli import main

    assert nearest_verb(word, ["plan", "serve", "fit"]) == expected
    with pytest.raises(SystemExit):
        main([word])
    err = capsys.readouterr().err
    assert f"there is no verb {word!r}" in err
    assert ("Did you mean" in err) == bool(expected)
