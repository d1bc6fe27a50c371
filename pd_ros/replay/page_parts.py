"""Parts of a page of HTML that needs nothing beside itself: tables, pictures, sections."""

import base64
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path

from pd_ros.replay.evaluation_pictures import Picture

_STYLE = Path(__file__).parent / "page.css"


def page(title: str, body: Sequence[str]) -> str:
    """Return a whole page: no script, nothing from the network."""
    style = _STYLE.read_text(encoding="utf-8")
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)}</title>\n<style>\n{style}</style>\n</head>\n<body>\n<main>\n"
        + "\n".join(body)
        + "\n</main>\n</body>\n</html>\n"
    )


def section(anchor: str, title: str, parts: Sequence[str]) -> str:
    """Return a part of the page with a title that can be linked to."""
    return (
        f'<section id="{anchor}">\n<h2>{escape(title)}</h2>\n' + "\n".join(parts) + "\n</section>"
    )


def paragraph(text: str, kind: str = "") -> str:
    """Return a paragraph of plain text; ``kind``: lead, note, or neither."""
    return f'<p class="{kind}">{escape(text)}</p>' if kind else f"<p>{escape(text)}</p>"


def heading(text: str) -> str:
    """Return a title within a section."""
    return f"<h3>{escape(text)}</h3>"


def table(columns: Sequence[str], rows: Sequence[Sequence[str]], text_columns: int = 1) -> str:
    """Return a table; the first ``text_columns`` columns hold words, the others numbers."""

    def line(tag: str, cells: Sequence[str]) -> str:
        kinds = [' class="text"' if i < text_columns else "" for i in range(len(cells))]
        return "<tr>" + "".join(
            f"<{tag}{kind}>{escape(cell)}</{tag}>" for kind, cell in zip(kinds, cells, strict=True)
        ) + "</tr>"  # fmt: skip

    body = "\n".join(line("td", row) for row in rows)
    head = line("th", columns)
    return (
        f'<div class="scroll"><table>\n<thead>{head}</thead>\n'
        f"<tbody>\n{body}\n</tbody></table></div>"
    )


def cards(contents: Mapping[str, Mapping[str, str]]) -> str:
    """Return boxes beside each other, each with a title and pairs of a name and a value."""
    boxes = []
    for title, pairs in contents.items():
        rows = "".join(f"<dt>{escape(k)}</dt><dd>{escape(v)}</dd>" for k, v in pairs.items())
        boxes.append(f'<div class="card"><h3>{escape(title)}</h3><dl>{rows}</dl></div>')
    return '<div class="cards">' + "\n".join(boxes) + "</div>"


def figure(picture: Picture, kind: str = "") -> str:
    """Return a picture (.png) within the page; ``kind``: chart, chart single, or none: wide."""
    data = base64.b64encode(picture.path.read_bytes()).decode("ascii")
    caption = escape(picture.caption)
    return (
        f'<figure class="{kind}"><img alt="{caption}" src="data:image/png;base64,{data}">'
        f"<figcaption>{caption}</figcaption></figure>"
    )


def grid(parts: Sequence[str], beside: bool) -> str:
    """Return parts below each other, or two in a row where there is room."""
    return f'<div class="{"pairs" if beside else "rows"}">' + "\n".join(parts) + "</div>"
