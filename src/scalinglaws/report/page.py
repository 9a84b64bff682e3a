"""Write a report: one HTML file that loads nothing, from a fit or a forecast."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

from scalinglaws.errors import no_warnings
from scalinglaws.escaping import for_page, json_for_page
from scalinglaws.fitting.fit import installed_versions
from scalinglaws.json_files import checked_path, write_whole
from scalinglaws.plotting.style import DARK, LIGHT, Style
from scalinglaws.report import appendix, sections
from scalinglaws.report.planner import planner_of
from scalinglaws.report.reproduction import code_of, csv_of
from scalinglaws.report.subject import Subject, subject_of

if TYPE_CHECKING:
    from scalinglaws.fitting.result import Fit

_ENDINGS = (".html", ".htm")
_SLOT = re.compile(r"\{\{(\w+)\}\}")


def write_report(
    model: Any,
    path: str | Path,
    *,
    C: Any = None,
    law: Fit | None = None,
    follow_links: bool = False,
) -> None:
    """Write the page of a fit or a forecast; see `Fit.report`."""
    ending = checked_path(path, follow_links=follow_links).suffix  # before the work
    if ending.lower() not in _ENDINGS:
        raise ValueError(
            f"A report is an HTML page: `path` must end in .html or .htm; got {str(path)!r}. Print "
            "the page from a browser for a PDF."
        )
    with no_warnings():  # the page has the verdicts
        text = html_of(subject_of(model, C, law))
    write_whole(text.encode(), path, follow_links=follow_links)


def html_of(subject: Subject) -> str:
    """The whole page."""
    css = _filled(_file("page.css"), {"light": _colours(LIGHT), "dark": _colours(DARK)})
    js = _file("runs.js") + _file("planner.js")
    return _filled(_file("page.html"), {
        "policy": _policy(css, js), "title": for_page(sections.title_of(subject)), "css": css,
        "body": _body(subject), "data": json_for_page(planner_of(subject)), "js": js,
    })  # fmt: skip


def _body(subject: Subject) -> str:
    csv = csv_of(subject)
    return "\n".join([
        sections.header(subject),
        sections.forecast_section(subject),
        sections.plan_section(subject, _file("planner.html")),
        sections.backtest_section(subject),
        appendix.runs_section(subject, csv),
        appendix.coefficients_section(subject),
        appendix.caveats_section(subject),
        appendix.reproduce_section(code_of(subject), _made_with(subject, csv)),
    ])  # fmt: skip


def _made_with(subject: Subject, csv: str) -> list[str]:
    versions = ", ".join(f"{name} {number}" for name, number in installed_versions().items())
    digest = "" if subject.fit is None else f"; digest of the fit’s runs: {subject.fit.runs.digest}"
    return [
        f"Made on {datetime.now(UTC).date().isoformat()} with {versions}.",
        f"sha256 of the CSV above: {hashlib.sha256(csv.encode()).hexdigest()}{digest}.",
        "Draws have seed 0. This file loads nothing from a network.",
    ]


def _policy(css: str, js: str) -> str:
    """Allow the style sheet and the script of this file, by their hashes, and nothing else."""
    return (
        f"default-src 'none'; style-src {_hash(css)}; script-src {_hash(js)}; base-uri 'none'; "
        "form-action 'none'"
    )


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def _colours(style: Style) -> str:
    """Variables of the style sheet, in the colours of the pictures."""
    named = {
        "ink": style.ink, "mut": style.muted, "grid": style.grid, "far": style.far,
        "fc": style.forecast, "law": style.law, "lawb": style.law_band, "ok": style.hues[3],
    }  # fmt: skip
    named |= dict(zip(("bp", "bl", "bn"), style.bands, strict=True))
    named |= {f"m{k}": colour for k, colour in enumerate(style.sizes)}
    named |= {f"v{k}": colour for k, colour in enumerate(style.shares)}
    return "\n".join(f"--{name}: {colour};" for name, colour in named.items())


def _file(name: str) -> str:
    return (resources.files(__package__) / name).read_text(encoding="utf-8")


def _filled(template: str, values: Mapping[str, str]) -> str:
    """The template with its slots filled at once, so that no value is taken for a slot."""
    return _SLOT.sub(lambda match: values[match[1]], template)
