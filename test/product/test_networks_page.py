"""The page about networks says what ``config/model`` and ``config/train`` say."""

import importlib.util
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs/training/networks.md"


@pytest.fixture(scope="module")
def writer():
    pytest.importorskip("spconv", reason="spconv is not installed: see packaging/")
    spec = importlib.util.spec_from_file_location(
        "write_networks", ROOT / "packaging/write_networks.py"
    )
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    table = module.network_table()
    module.network_table = lambda: table  # building all networks takes seconds
    return module


def test_the_page_is_what_the_configs_give(writer) -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert writer.with_table(page) == page, "run packaging/write_networks.py"


def test_a_changed_row_and_a_missing_one_are_noticed(writer) -> None:
    page = PAGE.read_text(encoding="utf-8")
    row = next(line for line in page.splitlines() if line.startswith("| `second` |"))
    for other in (row.replace("5.326", "5.327"), ""):
        assert writer.with_table(page.replace(row, other)) == page
