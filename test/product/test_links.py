"""README and pages: every relative link and anchor leads somewhere, every page is in the site."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
PAGES = sorted([*ROOT.glob("*.md"), *DOCS.rglob("*.md")])
README_LINES = 200
FENCE = re.compile(r"^ *(```|~~~).*?^ *\1`*$", re.MULTILINE | re.DOTALL)
CODE = re.compile(r"`[^`\n]+`")
LINK = re.compile(r"\[[^\]]*\]\(\s*<?([^)\s>]+)[^)]*\)|^\[[^\]]+\]: *(\S+)", re.MULTILINE)
HTML_LINK = re.compile(r"<(?:img|a|source|video)\b[^>]*?\b(?:src|srcset|href)=\"([^\"]+)\"")
HEADING = re.compile(r"^#{1,6} +(.+?)(?: +#+)? *$", re.MULTILINE)
HTML_ANCHOR = re.compile(r"<[a-z]+ [^>]*\bid=\"([^\"]+)\"|\{ *#([\w-]+) *\}")


def links(text: str) -> Iterator[str]:
    """Targets of a page's links and pictures, without those that only code shows."""
    text = CODE.sub("`code`", FENCE.sub("", text))
    yield from (first or second for first, second in LINK.findall(text))
    yield from HTML_LINK.findall(text)


def slug(heading: str) -> str:
    """The anchor of a heading, as GitHub and the site make it."""
    plain = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).strip().lower()
    return re.sub(r"[^\w\- ]", "", plain).replace(" ", "-")


def anchors(text: str) -> set[str]:
    """What a link to a page may name after ``#``; a heading that comes twice is its first."""
    text = FENCE.sub("", text)
    named = {first or second for first, second in HTML_ANCHOR.findall(text)}
    return named | {slug(re.sub(r" *\{ *#[\w-]+ *\}", "", each)) for each in HEADING.findall(text)}


def broken(page: Path, root: Path) -> list[str]:
    """Relative links of a page that lead nowhere, with what is wrong with each."""
    wrong = []
    for link in links(page.read_text(encoding="utf-8")):
        if re.match(r"[a-z][a-z+.-]*:", link):
            continue  # of another site
        name, _, anchor = link.partition("#")
        target = (page.parent / name).resolve() if name else page
        if link.startswith("/") or not target.is_relative_to(root):
            wrong.append(f"{link}: not below {root.name}")
        elif not target.exists():
            wrong.append(f"{link}: no such file")
        elif anchor and anchor not in anchors(target.read_text(encoding="utf-8")):
            wrong.append(f"{link}: no such heading")
    return wrong


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    """A page of the site can only link to what the site has."""
    assert broken(page, DOCS if page.is_relative_to(DOCS) else ROOT) == []


def test_the_readme_is_short() -> None:
    assert len((ROOT / "README.md").read_text().splitlines()) <= README_LINES


class SiteLoader(yaml.SafeLoader):
    """Reads mkdocs.yml, whose functions of Python it leaves out."""


SiteLoader.add_multi_constructor("tag:yaml.org,2002:python/", lambda *_: None)


def leaves(entry: Any) -> Iterator[str]:
    if isinstance(entry, str):
        yield entry
    else:
        for each in entry.values() if isinstance(entry, dict) else entry:
            yield from leaves(each)


def test_the_site_has_every_page_once() -> None:
    site = yaml.load((ROOT / "mkdocs.yml").read_text(), SiteLoader)
    assert site["docs_dir"] == "docs"
    named = list(leaves(site["nav"]))
    assert sorted(named) == sorted(str(page.relative_to(DOCS)) for page in DOCS.rglob("*.md"))


def test_pictures_are_shown_somewhere() -> None:
    shown = {
        (page.parent / link.partition("#")[0]).resolve()
        for page in PAGES for link in links(page.read_text(encoding="utf-8"))
    }  # fmt: skip
    pictures = {
        path for path in DOCS.rglob("*") if path.suffix in (".png", ".svg", ".gif", ".webp")
    }
    assert pictures - shown == set()


TEXT = """# A page

See [one](other.md), [two](other.md#two-words-here) and [three][3], `[not](a_link.md)`.
![picture](missing.png)

```
[nor](this.md)
```

[3]: other.md#no-such "title"
<img src="also_missing.png" width="9">
[out](../outside.md) [site](https://example.org/x#y) [here](#a-page) [there](#a-pages)
"""


def test_a_broken_link_is_found(tmp_path: Path) -> None:
    (tmp_path / "docs").mkdir()
    page = tmp_path / "docs" / "page.md"
    page.write_text(TEXT)
    (tmp_path / "docs" / "other.md").write_text("# Other\n## `Two` words, [here](page.md)\n")
    (tmp_path / "outside.md").touch()
    assert sorted(broken(page, tmp_path / "docs")) == [
        "#a-pages: no such heading",
        "../outside.md: not below docs",
        "also_missing.png: no such file",
        "missing.png: no such file",
        "other.md#no-such: no such heading",
    ]


@pytest.mark.parametrize(
    ("heading", "expected"),
    [("Found / missed", "found--missed"), ("`model.device`", "modeldevice"),
     ("Rotated NMS (CPU)", "rotated-nms-cpu"), ("input_topic", "input_topic")],
)  # fmt: skip
def test_anchors_are_those_of_github(heading: str, expected: str) -> None:
    assert slug(heading) == expected
