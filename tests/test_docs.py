"""Every snippet of the documents runs, and so do the notebooks and the gallery."""

from __future__ import annotations

import doctest
import importlib.util
import re
import runpy
import textwrap
import tomllib
import warnings
from pathlib import Path
from types import FunctionType, ModuleType

import matplotlib.pyplot as plt
import pytest

import scalinglaws as sl
from scalinglaws.display import Displayed

ROOT = Path(__file__).parents[1]
DOCUMENTS = [
    "README.md", "docs/tutorial.md", "docs/how-to.md", "docs/laws.md", "docs/planning.md",
    "docs/logs.md", "docs/forecast.md", "docs/index.md",
]  # fmt: skip
PAGES = sorted(
    str(page.relative_to(ROOT))
    for folder in (".", "docs", "benchmarks", "benchmarks/results", "examples/ladder")
    for page in (ROOT / folder).glob("*.md")
)
# What the text of each notebook says of its numbers, in the names of the notebook.
CLAIMS = {
    "first_fit": """
        assert first.status.warning is sl.LackOfFitWarning
        assert fit.status.good
        """,
    "plan_a_run": """
        assert fit.status.good and runs["D"].min() > 1.5e6 and flat["span"] > 1.5
        point = forecast.predict(N=plan["N"], D=plan["D"])
        width = plan["loss_high"] - plan["loss_low"]
        assert 3 < (point.run_high - point.run_low) / width < 7
        law, other = (held_out[name] - held_out["reached"] for name in ("estimate", "forecast"))
        assert (held_out["forecast_low"] < held_out["reached"]).all()
        assert (held_out["reached"] < held_out["forecast_high"]).all()
        assert (law.abs() < other.abs()).all() and (law.abs() < 0.025 * held_out["reached"]).all()
        """,
    "judge_a_law": """
        assert 100 * error.std().min() > 0.4
        assert table["published"].between(table["low"], table["high"]).all()
        assert borrowed.residuals.std() < 1.1 * fit.residuals.std()
        assert 1.9 < too_much.residuals.std() / fit.residuals.std() < 2.2
        assert too_much.trend.p_value < 1e-3 and too_much.trend.share > 0.5
        free, few = fit.predict(**target), borrowed.predict(**target)
        assert few.curve_high - few.curve_low < (free.curve_high - free.curve_low) / 2
        true = sl.published["chinchilla/muennighoff2023-single-epoch"].predict(**target).estimate
        assert round(true, 3) == 2.219 and few.curve_low < true < few.curve_high
        assert free.curve_low < true < free.curve_high
        assert abs(law.predict(**target).estimate / true - 1) > 0.004
        """,
    "forecast_a_curve": """
        true = loss(3e9, 60e9, 1.0)
        assert round(end.fraction, 9) == 0.6 and end.low < true < end.high
        assert alone.run_low > true
        steady_end = steady.predict(D="60B")
        assert steady_end.run_low < true < steady_end.run_high
        """,
}
_BLOCK = re.compile(r"^```(python|pycon)\n(.*?)^```", re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("name", DOCUMENTS)
def test_python_blocks_run(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In the order of the document and in one namespace; sessions are also checked as doctests."""
    (tmp_path / "examples").symlink_to(ROOT / "examples")  # the samples of docs/logs.md
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {}
    with warnings.catch_warnings(action="ignore", category=sl.ScalingLawWarning):
        for kind, source in _BLOCK.findall((ROOT / name).read_text(encoding="utf-8")):
            if kind == "python":
                exec(compile(source, name, "exec"), names)
                continue
            for example in doctest.DocTestParser().get_examples(source):
                if example.exc_msg is None:
                    exec(compile(example.source, name, "exec"), names)
    plt.close("all")


def _links(name: str) -> list[str]:
    """Files of the project that a page links or shows, seen from the root."""
    targets = re.findall(r"\]\(([^)\s:#]+)[^)\s:]*\)", (ROOT / name).read_text(encoding="utf-8"))
    folder = (ROOT / name).parent
    return [str((folder / target).resolve().relative_to(ROOT)) for target in targets]


@pytest.mark.parametrize("name", PAGES)
def test_links_to_files_exist(name: str) -> None:
    """Relative links and pictures."""
    assert [link for link in _links(name) if not (ROOT / link).exists()] == []


@pytest.mark.parametrize("name", PAGES)
def test_the_sdist_holds_what_is_linked(name: str) -> None:
    """A page that is in it leads to nothing that is not."""
    table = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    included = table["tool"]["hatch"]["build"]["targets"]["sdist"]["include"]

    def is_inside(link: str) -> bool:
        return any(Path(link).is_relative_to(entry) for entry in included)

    assert is_inside(name)
    assert [link for link in _links(name) if not is_inside(link)] == []


def test_the_reference_of_the_laws_is_current() -> None:
    """docs/laws.md is what docs/make_laws.py writes, and every law has its picture."""
    path = ROOT / "docs" / "make_laws.py"
    specification = importlib.util.spec_from_file_location("make_laws", path)
    assert specification is not None
    assert specification.loader is not None
    make_laws = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(make_laws)

    assert (ROOT / "docs" / "laws.md").read_text(encoding="utf-8") == make_laws.page()
    pictures = {file.stem for file in (ROOT / "docs" / "images" / "laws").glob("*.png")}
    assert pictures == set(sl.laws)


@pytest.mark.parametrize("name", CLAIMS)
def test_the_notebook_runs(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every cell, and what its text says of the numbers holds."""
    monkeypatch.delenv("MPLBACKEND", raising=False)  # the notebook draws inline
    with warnings.catch_warnings(action="ignore"):
        nbformat = pytest.importorskip("nbformat", exc_type=ImportError)
        nbclient = pytest.importorskip("nbclient", exc_type=ImportError)
        notebook = nbformat.read(ROOT / "examples" / f"{name}.ipynb", as_version=4)
        notebook.cells.append(nbformat.v4.new_code_cell(textwrap.dedent(CLAIMS[name])))
        nbclient.NotebookClient(notebook, timeout=300, kernel_name="python3").execute()

    outputs = [out for cell in notebook.cells for out in cell.get("outputs", [])]
    assert not [out for out in outputs if out["output_type"] == "error"]
    assert any("image/png" in out.get("data", {}) for out in outputs)
    assert any("text/html" in out.get("data", {}) for out in outputs)


SCRIPTS = sorted((ROOT / "examples" / "gallery").glob("*/plot_*.py"))


def test_the_gallery_has_every_plot() -> None:
    """One script each, named as the function."""
    assert sorted(script.stem for script in SCRIPTS) == sorted(sl.plotting.__all__)


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.stem)
def test_the_gallery_runs(script: Path) -> None:
    """Each script draws one figure."""
    plt.close("all")
    runpy.run_path(str(script))
    assert len(plt.get_fignums()) == 1
    plt.close("all")


def test_the_table_of_results_is_as_generated() -> None:
    """Every public class that displays is in it, with the faces that it has; numbers may differ."""
    from docs import make_results

    def faces(page: str) -> list[list[str]]:
        cells = [line.split(" | ") for line in page.splitlines() if line.startswith("| ")]
        return [[*cell[:2], *cell[-2:]] for cell in cells]

    made = make_results.page()
    assert faces(made) == faces(make_results.PAGE.read_text(encoding="utf-8"))
    public = [getattr(m, name) for m in (sl, sl.planning) for name in m.__all__]
    shown = {t.__name__ for t in public if isinstance(t, type) and issubclass(t, Displayed)}
    assert shown <= set(re.findall(r"^\| `(\w+)`", made, re.MULTILINE))


def _public_names() -> set[str]:
    """Names of the package, and of its modules that are public."""
    names = {name for name in sl.__all__ if not isinstance(getattr(sl, name), ModuleType)}
    for module in (sl.datasets, sl.metrics, sl.planning, sl.plotting):
        public = getattr(module, "__all__", None) or [
            name for name, thing in vars(module).items()
            if isinstance(thing, FunctionType) and not name.startswith("_")
            and thing.__module__ == module.__name__
        ]  # fmt: skip
        short = module.__name__.removeprefix("scalinglaws.")
        names |= {f"{short}.{name}" for name in public if name not in names}
    return names


def test_the_reference_has_every_public_name() -> None:
    """docs/reference.md lists them, each once."""
    page = (ROOT / "docs" / "reference.md").read_text(encoding="utf-8")
    listed = re.findall(r"^ {3}([A-Za-z][\w.]+)$|^\.\. autoexception:: (\w+)$", page, re.MULTILINE)
    names = [name or error for name, error in listed]
    assert sorted(names) == sorted(_public_names())


def test_the_ladder_table_is_the_shipped_one() -> None:
    """examples/ladder/ladder.csv and the packaged file are the same bytes."""
    shipped = ROOT / "src" / "scalinglaws" / "datasets" / "ladder.csv"

    assert (ROOT / "examples" / "ladder" / "ladder.csv").read_bytes() == shipped.read_bytes()


def test_public_text_speaks_of_the_project_alone() -> None:
    """No absolute paths of anyone's machine."""
    for file in ROOT.glob("**/*.md"):
        if not any(part.startswith(".") for part in file.relative_to(ROOT).parts):
            assert not re.search(r"(?<![\w.])/(home|root|tmp|Users)/", file.read_text("utf-8")), (
                file
            )
