"""Build the documentation site and check it: ``python -m docs.build``.

Sphinx's warnings are errors. Then every page is read: it must load nothing from outside, and its
links must lead to pages and anchors of the site.
"""

from __future__ import annotations

import shutil
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

ROOT = Path(__file__).parents[1]
SITE = ROOT / "build" / "site"
GENERATED = [SITE, ROOT / "docs" / "api", ROOT / "docs" / "gallery"]
# Elements whose address a browser loads on its own; the others are links to follow.
_LOADED = {
    ("img", "src"),
    ("script", "src"),
    ("iframe", "src"),
    ("source", "src"),
    ("link", "href"),
}
_START = '<!doctype html><meta http-equiv="refresh" content="0; url=docs/index.html">\n'


class _Page(HTMLParser):
    """Addresses and anchors of a page."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.loaded: list[str] = []
        self.links: list[str] = []
        self.anchors: set[str] = {""}
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Collect what the element names."""
        for name, value in attrs:
            if name == "id" and value:
                self.anchors.add(value)
            elif name in ("src", "href") and value:
                kind = self.loaded if (tag, name) in _LOADED else self.links
                kind.append(value)


def problems(site: Path) -> list[str]:
    """What the pages load from outside, and links that lead nowhere."""
    files = (path for path in sorted(site.rglob("*.html")) if "_static" not in path.parts)
    pages = {path: _Page(path) for path in files}
    found = []
    for path, page in pages.items():
        name = path.relative_to(site)
        found += [f"{name} loads {url}" for url in page.loaded if urlsplit(url).netloc]
        for link in page.loaded + page.links:
            url = urlsplit(link)
            if url.scheme or url.netloc:
                continue
            target = (path.parent / unquote(url.path)).resolve() if url.path else path
            known = pages.get(target)
            if not target.exists() or (known and unquote(url.fragment) not in known.anchors):
                found.append(f"{name} links to {link}, which does not exist")
    for sheet in site.rglob("*.css"):
        if "url(http" in sheet.read_text(encoding="utf-8").replace('"', "").replace("'", ""):
            found.append(f"{sheet.relative_to(site)} loads from outside")
    return found


def main() -> int:
    """Build from nothing, check, and return the exit status."""
    from sphinx.cmd.build import build_main

    for folder in GENERATED:
        shutil.rmtree(folder, ignore_errors=True)
    options = ["-q", "-W", "--keep-going", "-c", str(ROOT / "docs"), str(ROOT), str(SITE)]
    if status := build_main(options):
        return status
    (SITE / "index.html").write_text(_START, encoding="utf-8")
    found = problems(SITE)
    print("\n".join(found) or f"The site is in {SITE.relative_to(ROOT)}.")  # noqa: T201
    return bool(found)


if __name__ == "__main__":
    sys.exit(main())
