"""Sections and tables of the page as HTML."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from scalinglaws.escaping import for_page


def section(name: str, title: str, body: Iterable[str]) -> str:
    """A section with its heading."""
    return (
        f'<section aria-labelledby="h-{name}">\n<h2 id="h-{name}">{for_page(title)}</h2>\n'
        f"{''.join(body)}\n</section>"
    )


def prose(text: str) -> str:
    """A sentence; no line ends between a number and its per cent sign."""
    return for_page(text).replace(" %", "\u00a0%")


def table(
    head: Sequence[str], rows: Iterable[Sequence[str]], caption: str = "", style: str = ""
) -> str:
    """A table that scrolls sideways where it must; the first column names the row.

    Cells are HTML: those with user's text are escaped before.
    """
    title = f"<caption>{for_page(caption)}</caption>" if caption else ""
    shown = f' class="{style}"' if style else ""
    top = "".join(f'<th scope="col">{for_page(text)}</th>' for text in head)
    body = "".join(
        f'<tr><th scope="row">{cells[0]}</th>{"".join(f"<td>{c}</td>" for c in cells[1:])}</tr>\n'
        for cells in rows
    )
    return (
        '<div><div class="scroll" tabindex="0" role="region" '
        f'aria-label="{for_page(caption or head[0])}">'
        f"<table{shown}>{title}<thead><tr>{top}</tr></thead><tbody>{body}</tbody></table></div></div>"
    )
