"""The pages that say which files to touch name files, and places in them, that are there."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted((ROOT / "docs/architecture").glob("*.md"))
SOURCE = re.compile(r"`((?:pd_ros|training|config|packaging|test)/[\w/.]+\.(?:py|yaml))`")
EXAMPLE = re.compile(r"(?:^|_)mine")  # files that the reader is to write


def code(text: str) -> list[str]:
    return re.findall(r"`([^`]+)`", text)


def edits(page: str) -> list[tuple[str, list[str]]]:
    """File and names in it of each row of the table of edits."""
    table = page.partition("| file | where | edit |\n|---|---|---|\n")[2].partition("\n\n")[0]
    rows = [line.strip("| ").split(" | ") for line in table.splitlines()]
    return [(code(row[0])[0], code(row[1])) for row in rows]


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.stem)
def test_every_place_to_edit_is_there(path: Path) -> None:
    rows = edits(path.read_text(encoding="utf-8"))
    assert rows
    for file, names in rows:
        content = (ROOT / file).read_text(encoding="utf-8")
        assert names and [name for name in names if name not in content] == [], file


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.stem)
def test_the_count_of_files_is_that_of_the_table(path: Path) -> None:
    page = path.read_text(encoding="utf-8")
    line = re.search(r"^Files touched beside .*?: ((?:.+\n)+)", page, re.MULTILINE)
    counts = {"add_detector": (3, 2)}.get(path.stem, (int(re.findall(r"\d+", line[1])[0]),))
    assert [int(n) for n in re.findall(r"\d+", line[1])][: len(counts)] == list(counts)
    assert len({file for file, _ in edits(page)}) == sum(counts)


@pytest.mark.parametrize(
    "path", [*PAGES, ROOT / "docs/architecture.md"], ids=lambda path: path.stem
)
def test_every_file_that_a_page_names_is_there(path: Path) -> None:
    named = SOURCE.findall(path.read_text(encoding="utf-8"))
    own = [name for name in named if not EXAMPLE.search(Path(name).stem)]
    assert own and [name for name in own if not (ROOT / name).exists()] == []


def test_the_overview_has_every_folder() -> None:
    page = (ROOT / "docs/architecture.md").read_text(encoding="utf-8")
    for package in ("pd_ros", "training"):
        part = page.partition(f"### {package}\n")[2].partition("### ")[0]
        named = {code(line)[0] for line in part.splitlines() if line.startswith("| `")}
        folders = {path.parent.name for path in (ROOT / package).glob("*/*.py")
                   if path.name != "__init__.py"}  # fmt: skip
        assert folders <= named and {name for name in named if "/" not in name} <= folders | {
            "weights"
        }
