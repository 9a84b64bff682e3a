"""The page of a fit or a forecast: one safe file, the same each time, for every kind of model."""

from __future__ import annotations

import base64
import hashlib
import html
import json
import re
import warnings
from collections import Counter
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import scalinglaws as sl
from scalinglaws.cli import main
from scalinglaws.report import planner
from scalinglaws.report.page import write_report
from tests.conftest import make_runs

_VOID = {"meta", "input", "br"}
HOSTILE = "</script><img src=x onerror=alert(1)> $a_b$ \"q\" 'r' {{css}} &amp;"


class Page(HTMLParser):
    """Elements of a page, which must be balanced, with the texts of scripts and styles."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.tags: Counter[str] = Counter()
        self.attributes: list[tuple[str, str, str | None]] = []
        self.inside: dict[str, list[str]] = {}
        self.shown: list[str] = []
        self.feed(text)
        self.close()
        assert not self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags[tag] += 1
        self.attributes += [(tag, name, value) for name, value in attrs]
        names = [name for name, _ in attrs]
        assert len(set(names)) == len(names)
        if tag not in _VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in _VOID:
            self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open:
            self.inside.setdefault(self.open[-1], []).append(data)
        if not {"script", "style"} & set(self.open):
            self.shown.append(data)

    @property
    def text(self) -> str:
        """Everything that is read."""
        return " ".join("".join(self.shown).split())

    def values(self, attribute: str) -> list[str]:
        """Values of an attribute."""
        return [value or "" for _, name, value in self.attributes if name == attribute]


def embedded(text: str) -> Any:
    """The planner's tables in a page."""
    (found,) = re.findall('<script type="application/json" id="data">(.*?)</script>', text)
    return json.loads(found)


def written(model: Any, path: Path, **options: Any) -> str:
    """The page of a model."""
    model.report(path / "page.html", **options)
    return (path / "page.html").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def runs() -> pd.DataFrame:
    """240 runs of the Chinchilla kind."""
    rng = np.random.default_rng(0)
    N, D = np.exp(rng.uniform(18, 23.5, 240)), np.exp(rng.uniform(21, 26, 240))
    loss = (1.8 + 480 / N**0.35 + 2085 / D**0.37) * np.exp(0.006 * rng.standard_normal(240))
    return pd.DataFrame({"N": N, "D": D, "loss": loss}).sort_values("N", ignore_index=True)


@pytest.fixture(scope="module")
def fitted(runs: pd.DataFrame) -> sl.Fit:
    """A law fitted to them."""
    return sl.fit(runs, "chinchilla", confidence_level=0.9)


@pytest.fixture(scope="module")
def page(fitted: sl.Fit, tmp_path_factory: pytest.TempPathFactory) -> str:
    """Its page."""
    return written(fitted, tmp_path_factory.mktemp("page"), C=["1e24", "1e23"])


@pytest.fixture
def _few_plans(monkeypatch: pytest.MonkeyPatch) -> None:
    """A planner of few plans, for tests of other things."""
    for name, value in (("_COARSE", 0.1), ("_SERVED", (0.1, 1, 4)), ("_UNIQUE", (0.1, 0.99, 4))):
        monkeypatch.setattr(planner, name, value)


few_plans = pytest.mark.usefixtures("_few_plans")


# --- the answer --------------------------------------------------------------------------------


def test_the_answer_comes_first(page: str, fitted: sl.Fit) -> None:
    """The forecast at the first budget, at the law's best size, with its interval."""
    best = sl.optimal(fitted, C=1e24).iloc[0]
    found = fitted.forecast.predict(N=best["N"], D=best["D"])
    title = re.search("<h1>(.*?)</h1>", page)
    assert title is not None
    words = re.sub("<.*?>", "", title[1])
    start = f"With 1e24 FLOP, expect a loss of {found.estimate:.2f}"
    assert words.startswith(start[:-1])
    low, high = (float(v) for v in re.findall(r"between (\S+) and (\S+)", words)[0])
    assert (low, high) == pytest.approx((found.run_low, found.run_high), abs=6e-3)


def test_verdicts_and_sections(page: str) -> None:
    """Three verdicts, every section, and all 240 runs."""
    found = Page(page)
    assert page.count('<li class="good">') + page.count('<li class="warn">') == 3
    for title in ("Plan a budget", "Has this worked before", "The runs", "Coefficients",
                  "Caveats", "Reproduce"):  # fmt: skip
        assert title in found.text
    assert found.tags["tr"] > 240
    assert "sha256 of the CSV above" in found.text
    assert page.count('<g clip-path="url(#map)">') == 1  # the band ends with its panel


@few_plans
def test_a_disputed_law_is_marked(epoch: pd.DataFrame, tmp_path: Path) -> None:
    """The Chinchilla runs: the law lies above their forecast from the largest run on."""
    fit = sl.fit(epoch, "chinchilla", confidence_level=0.9)
    text = written(fit, tmp_path, C="1e24")
    assert "With 1e24 FLOP, expect a loss of <b>1.87</b>, between <b>1.77</b>" in text
    assert text.count('class="ring"') == 2
    assert "<b>Law disputed</b>" in text


# --- one safe file -------------------------------------------------------------------------------


def test_the_page_is_small_and_balanced(page: str) -> None:
    """Under 300 kB; every element is closed, no identifier is used twice."""
    found = Page(page)
    assert len(page.encode()) < 300_000
    assert found.tags["script"] == 2
    assert found.tags["style"] == 1
    ids = found.values("id")
    assert len(set(ids)) == len(ids)
    assert set(found.values("aria-labelledby")) <= set(ids)
    assert set(found.values("for")) <= set(ids)
    assert not found.values("style")
    assert not [name for _, name, _ in found.attributes if name.startswith("on")]


def test_the_policy_allows_the_page_alone(page: str) -> None:
    """The hashes are those of the style sheet and the script."""
    found = Page(page)
    (policy,) = [v for v in found.values("content") if v.startswith("default-src")]
    css, js = found.inside["style"][0], found.inside["script"][-1]
    for name, text in (("style-src", css), ("script-src", js)):
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        assert f"{name} 'sha256-{digest}';" in policy
    assert policy.startswith("default-src 'none';")
    assert "unsafe" not in policy


def test_nothing_is_loaded(page: str) -> None:
    """No address but that of SVG's namespace, and nothing that fetches."""
    assert set(re.findall(r"\w+://[^'\"\s<]*", page)) == {"http://www.w3.org/2000/svg"}
    found = Page(page)
    assert not {name for _, name, _ in found.attributes} & {"src", "href", "srcset", "action"}
    assert not re.search(r"url\((?!#)|@import|fetch\(|XMLHttpRequest|import\(", page)


@few_plans
def test_hostile_names_stay_text(tmp_path: Path) -> None:
    """Columns, row labels and laws with mark-up, quotes, maths and slots of the template."""
    runs = make_runs(0.004)
    runs.index = pd.Index([f"{HOSTILE} {k}" for k in range(len(runs))])
    runs = runs.rename(columns={"loss": HOSTILE, "N": "<b>N</b>"})
    fit = sl.fit(runs, "chinchilla", y=HOSTILE, columns={"N": "<b>N</b>"})
    text = written(fit, tmp_path)
    found = Page(text)
    plain = Page(written(sl.fit(make_runs(0.004), "chinchilla"), tmp_path))
    assert found.tags == plain.tags
    assert found.text.count(HOSTILE) > len(runs)
    assert embedded(text)["plan"]


@few_plans
def test_the_same_page_each_time(page: str, tmp_path: Path) -> None:
    """But for the date, which is written once."""
    first, second = (
        re.sub(r"Made on \S+", "", written(sl.fit(make_runs(0.004), "chinchilla"), tmp_path))
        for _ in range(2)
    )
    assert first == second
    assert len(re.findall(r"Made on \d{4}-\d\d-\d\d with", page)) == 1


@few_plans
def test_files_are_replaced_by_the_rules_of_save(fitted: sl.Fit, tmp_path: Path) -> None:
    """A link is not written through unless asked, and a folder is refused."""
    (tmp_path / "link.html").symlink_to(tmp_path / "page.html")
    with pytest.raises(FileExistsError, match="is a link"):
        fitted.report(tmp_path / "link.html")
    with pytest.raises(IsADirectoryError, match="is a folder"):
        fitted.report(tmp_path)
    for name in ("page.pdf", "page"):
        with pytest.raises(ValueError, match=r"`path` must end in .html or .htm; got .*page"):
            fitted.report(tmp_path / name)
    with pytest.raises(FileNotFoundError, match="no folder"):
        fitted.report(tmp_path / "none" / "page.html")
    fitted.report(tmp_path / "link.html", follow_links=True)
    assert [p.name for p in sorted(tmp_path.iterdir())] == ["link.html", "page.html"]


# --- reproduced ----------------------------------------------------------------------------------


def _reproduced(text: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """What the code of a page makes of the CSV in it."""
    found = re.findall("<pre[^>]*>(.*?)</pre>", text, re.DOTALL)
    csv, code = (html.unescape(part) for part in found)
    assert hashlib.sha256(csv.encode()).hexdigest() in text
    (folder / "runs.csv").write_text(csv)
    monkeypatch.chdir(folder)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", sl.ScalingLawWarning)
        exec(code, {})
    return (folder / "page.html").read_text()


@few_plans
@pytest.mark.parametrize(
    "kind", ["fit", "weights", "groups", "clusters", "forecast", "both", "fixed", "curve"]
)
def test_a_page_reproduces_itself(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its code, run on its CSV, writes the same page."""
    runs = make_runs(0.004).assign(w=np.linspace(1, 2, 36), C=lambda r: 6 * r["N"] * r["D"])
    runs = runs.assign(data=["a", "b"] * 18, seed=np.arange(36) // 2)
    plain = runs[["N", "D", "loss"]]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", sl.ScalingLawWarning)
        fit = sl.fit(plain, "chinchilla")
        models: dict[str, tuple[Any, dict[str, Any]]] = {
            "fit": (fit, {"C": "3.5e23"}),
            "weights": (sl.fit(runs, "loss ~ E + A/N**a + B/D**b", weights="w"), {}),
            "groups": (sl.fit(runs, "loss ~ E[data] + A/N**a + B/D**b"), {}),
            "clusters": (sl.fit(runs, "chinchilla", clusters="seed"), {}),
            "forecast": (sl.forecast(plain, confidence_level=0.8), {}),
            "both": (sl.forecast(plain), {"law": fit}),
            "fixed": (sl.fit(plain, "chinchilla", objective="squared", fixed={"E": 1.8}), {}),
            "curve": (sl.forecast(runs, x="C", y="loss"), {}),
        }
        model, options = models[kind]
        text = written(model, tmp_path, **options)
    again = _reproduced(text, tmp_path, monkeypatch)
    before, after = embedded(text) or {}, embedded(again) or {}
    assert before.keys() == after.keys()
    for name in {"plan", "served", "unique", "around"} & before.keys():
        tables = (pd.DataFrame(found[name]["columns"], dtype=float) for found in (before, after))
        pd.testing.assert_frame_equal(*tables, rtol=1e-5)  # the last of six digits may differ
    cut = re.compile('<script type="application/json".*?</script>', re.DOTALL)
    assert cut.sub("", text).splitlines() == cut.sub("", again).splitlines()


# --- every kind of model -------------------------------------------------------------------------


@few_plans
def test_models_without_parameters_and_tokens(tmp_path: Path) -> None:
    """One variable, groups, further variables: what can be said is said, the rest is left out."""
    runs = make_runs(0.004).assign(C=lambda r: 6 * r["N"] * r["D"], data=["a", "b"] * 18)
    cases = {
        "loss ~ E + A/C**alpha": ("Has this worked", "No forecast"),
        "loss ~ E + A/N**alpha": ("At N", "No forecast"),
        "loss ~ E[data] + A/N**alpha + B/D**beta": ("fitted to 36 runs", "the law also has data"),
        "loss ~ A * N**-a * D**-b": ("has no compute-optimal division", "tokens per parameter"),
    }
    for law, words in cases.items():
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", sl.ScalingLawWarning)
            found = Page(written(sl.fit(runs, law), tmp_path))
        for text in words:
            assert text in found.text, law


def test_names_that_the_page_uses_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A variable called x, a metric called row: the page is made, and made again."""
    runs = make_runs(0.004).rename(columns={"N": "x", "loss": "row"})
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", sl.ScalingLawWarning)
        text = written(sl.fit(runs, "row ~ E + A/x**alpha"), tmp_path)
    assert "<h1>At x 1e11, expect row of <b>" in text.replace("100B", "1e11")
    again = _reproduced(text, tmp_path, monkeypatch)
    assert text == again


@few_plans
def test_budgets_inside_and_below_the_runs(fitted: sl.Fit, tmp_path: Path) -> None:
    """The picture and the planner reach down to them."""
    text = written(fitted, tmp_path, C=["1e17", "1e22"])
    assert "That is within the range of the runs." in text
    first, _, _ = embedded(text)["plan"]["axes"][0]
    assert first == pytest.approx(np.log(1e17))


@few_plans
def test_forecasts(tmp_path: Path) -> None:
    """Of N and D, of one variable, and beside a law."""
    runs = make_runs(0.004)
    forecast = sl.forecast(runs)
    alone = Page(written(forecast, tmp_path, C="1e24"))
    assert "see sl.optimal(forecast, C=...)" in alone.text
    assert "Coefficients" not in alone.inside["h2"]
    beside = Page(written(forecast, tmp_path, C="1e24", law=sl.fit(runs, "chinchilla")))
    assert "Coefficients" in beside.inside["h2"]
    curve = sl.forecast(runs.assign(C=6 * runs["N"] * runs["D"]), x="C", y="loss")
    assert "Made on" in Page(written(curve, tmp_path)).text


def test_what_has_no_page_is_refused(fitted: sl.Fit, runs: pd.DataFrame, tmp_path: Path) -> None:
    """In one sentence."""
    one = sl.fit(runs, "loss ~ E + A/N**alpha")
    with pytest.raises(ValueError, match="`C` is for laws and forecasts over N and D"):
        one.report(tmp_path / "page.html", C="1e24")
    with pytest.raises(ValueError, match="`C` must be positive"):
        fitted.report(tmp_path / "page.html", C=-1)
    with pytest.raises(TypeError, match=r"`law` must be what sl\.fit returns"):
        fitted.forecast.report(tmp_path / "page.html", law="chinchilla")  # type: ignore[arg-type]
    with pytest.raises(TypeError, match=r"what sl\.fit or sl\.forecast returns.* got Published"):
        write_report(sl.published["chinchilla/epoch2024"], tmp_path / "page.html")
    assert not (tmp_path / "page.html").exists()


@few_plans
def test_many_runs_are_thinned_and_counted(tmp_path: Path) -> None:
    """Of 3,000 runs a thousand are drawn and listed, and the page says so."""
    runs = pd.concat([make_runs(0.004, seed) for seed in range(84)], ignore_index=True)
    runs["N"] *= 1 + 1e-3 * np.random.default_rng(0).random(len(runs))
    found = Page(written(sl.fit(runs, "chinchilla"), tmp_path))
    assert "3,024 runs; 1,000 are listed and drawn" in found.text


# --- the planner's tables ------------------------------------------------------------------------


def _read(table: dict[str, Any], name: str, place: tuple[float, ...]) -> float:
    """Cubic interpolation, as the page does it."""
    values = np.array(table["columns"][name]).reshape([axis[2] for axis in table["axes"]])
    for (first, step, count), x in zip(table["axes"], place, strict=True):
        t = np.clip((x - first) / step, 0, count - 1)
        k = int(np.clip(np.floor(t) - 1, 0, count - 4))
        nodes = np.arange(4.0)
        weights = [
            np.prod([(t - k - m) / (j - m) for m in nodes if m != j]) for j in nodes
        ]  # fmt: skip
        values = np.tensordot(weights, values[k : k + 4], 1)
    return float(values)


@pytest.mark.parametrize("law", ["chinchilla", "kaplan", "loss ~ E + A*exp(-log(N)/a) + B/D**b"])
def test_the_tables_give_plans_to_three_digits(law: str, tmp_path: Path) -> None:
    """Between the budgets in them, for laws with and without a closed form."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", sl.ScalingLawWarning)
        fit = sl.fit(make_runs(0.004), law)
        text = written(fit, tmp_path)
        tables = embedded(text)
        for C in (3e19, 2.3e21, 7.7e23):
            at, best = np.log(C), sl.optimal(fit, C=C).iloc[0]
            for name, column in (("N", "N"), ("D_low", "D_low"), ("law_high", "loss_high")):
                value = _read(tables["plan"], name, (at,))
                value = np.exp(value) if name[0] in "ND" else value
                assert value == pytest.approx(best[column], rel=1e-3), (C, name)
            served = sl.serving(fit, served=0.7 * best["D"], budget=C).iloc[0]
            unique = sl.limited_data(fit, C=C, unique=0.2 * best["D"]).iloc[0]
            for key, share, plan in (("served", 0.7, served), ("unique", 0.2, unique)):
                place = at, np.log(share)
                assert np.exp(_read(tables[key], "N", place)) == pytest.approx(plan["N"], rel=1e-3)
                assert _read(tables[key], "law", place) == pytest.approx(plan["loss"], rel=1e-3)


# --- in a terminal -------------------------------------------------------------------------------


@few_plans
def test_the_verb(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """From a table, with and without a law, and from a saved fit."""
    table, page = tmp_path / "runs.csv", tmp_path / "page.html"
    make_runs(0.004).to_csv(table, index=False)
    call = ["report", str(table), "-o", str(page), "--confidence-level", "0.9"]
    assert main([*call, "--law", "chinchilla", "--budget", "1e24"]) == 0
    assert "saved to" in capsys.readouterr().err
    assert "With 1e24 FLOP" in page.read_text()
    assert main([*call, "--law", "none"]) == 0
    assert "which replaces a file of" in capsys.readouterr().err
    assert "Coefficients</h2>" not in page.read_text()
    sl.fit(make_runs(0.004), "chinchilla").save(tmp_path / "fit.json")
    assert main(["report", str(tmp_path / "fit.json"), "-o", str(page)]) == 0
    assert main(["report", str(tmp_path / "fit.json"), "-o", str(page), "--law", "power"]) == 1
    assert "is a saved model" in capsys.readouterr().err
