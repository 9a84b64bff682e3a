"""Every snippet of the documents runs, and the notebook from top to bottom."""

from __future__ import annotations

import doctest
import importlib.util
import re
import tomllib
import warnings
from pathlib import Path

import matplotlib.pyplot as plt
import pytest

import scalinglaws as sl

ROOT = Path(__file__).parents[1]
DOCUMENTS = [
    "README.md", "docs/tutorial.md", "docs/how-to.md", "docs/laws.md", "docs/planning.md",
    "docs/logs.md", "docs/forecast.md",
]  # fmt: skip
PAGES = sorted(
    str(page.relative_to(ROOT))
    for folder in (".", "docs", "benchmarks", "benchmarks/results", "examples/ladder")
    for page in (ROOT / folder).glob("*.md")
)
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


def test_the_notebook_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    """examples/first_fit.ipynb, every cell."""
    monkeypatch.delenv("MPLBACKEND", raising=False)  # the notebook draws inline
    with warnings.catch_warnings(action="ignore"):
        nbformat = pytest.importorskip("nbformat", exc_type=ImportError)
        nbclient = pytest.importorskip("nbclient", exc_type=ImportError)
        notebook = nbformat.read(ROOT / "examples" / "first_fit.ipynb", as_version=4)
        nbclient.NotebookClient(notebook, timeout=300, kernel_name="python3").execute()

    outputs = [out for cell in notebook.cells for out in cell.get("outputs", [])]
    assert not [out for out in outputs if out["output_type"] == "error"]
    assert any("image/png" in out.get("data", {}) for out in outputs)
    assert any("text/html" in out.get("data", {}) for out in outputs)


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
