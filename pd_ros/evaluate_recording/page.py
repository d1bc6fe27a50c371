"""Pages of HTML that need nothing beside themselves, made from the templates in ``templates``.

Names of files, topics and classes are whatever somebody called them: all text is escaped by the
template engine, and the page's policy lets no script run and nothing be loaded.
"""

import base64
import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from pd_ros.evaluate_recording.evaluation_pictures import Picture
from pd_ros.evaluation.plots.displayable import displayable

_TEMPLATES = Path(__file__).parent / "templates"
_STYLE = "page.css"


class Table(NamedTuple):
    """A table; the first ``text_columns`` columns hold words, the others numbers."""

    columns: Sequence[str]
    rows: Sequence[Sequence[str]]  # each as long as ``columns``
    text_columns: int = 1


class Card(NamedTuple):
    """One of several boxes beside each other."""

    title: str
    pairs: Mapping[str, str]  # a name and its value


class Gallery(NamedTuple):
    """A section of pictures, below each other or two in a row where there is room."""

    anchor: str
    title: str
    pictures: Sequence[Picture]
    beside: bool


def render_page(template: str, content: Mapping[str, object], folder: Path = _TEMPLATES) -> str:
    """Fill a template of a folder; ``style`` and ``policy`` are there besides ``content``.

    The macros of ``parts.html`` are there for templates of every folder. Raises
    ``jinja2.TemplateError`` where a template wants what is not there.
    """
    style = (_TEMPLATES / _STYLE).read_text(encoding="utf-8")
    page = _environment(folder).get_template(template)
    return page.render(content, style=Markup(style), policy=content_policy(style))


def content_policy(style: str) -> str:
    """Return a policy that allows this one style sheet and pictures within the page."""
    digest = base64.b64encode(hashlib.sha256(style.encode("utf-8")).digest()).decode("ascii")
    return (
        f"default-src 'none'; img-src data:; style-src 'sha256-{digest}'; base-uri 'none';"
        " form-action 'none'"
    )


def _environment(folder: Path) -> Environment:
    environment = Environment(
        loader=FileSystemLoader([folder, _TEMPLATES]),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_finalize,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters["data_uri"] = _data_uri
    return environment


def _finalize(value: object) -> object:
    """Text as UTF-8 can have it; a file's name need not be."""
    return displayable(value) if type(value) is str else value


def _data_uri(picture: Picture) -> str:
    """Return a picture (.png) as an address that is the picture."""
    return "data:image/png;base64," + base64.b64encode(picture.path.read_bytes()).decode("ascii")
