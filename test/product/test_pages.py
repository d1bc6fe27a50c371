"""The pages: what they name exists, what they show runs, tables are as the sources have them."""

import re
import subprocess
import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

import pytest

from training.simulate.frames import simulate_frame
from training.simulate.lidar.sensor_files import load_rig

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", *sorted(ROOT.glob("docs/**/*.md"))]
# without "how to add ...", which name files that are not there yet
NO_GUIDES = [page for page in PAGES if page.parent != ROOT / "docs" / "architecture"]


def writer():
    spec = spec_from_file_location("write_parameters", ROOT / "packaging" / "write_parameters.py")
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("page", NO_GUIDES, ids=lambda page: str(page.relative_to(ROOT)))
def test_files_that_are_named_exist(page) -> None:
    text = page.read_text(encoding="utf-8")
    for name in re.findall(r"`((?:config|packaging|launch|pd_ros|training|docs)/[\w./-]+)`", text):
        assert (ROOT / name).exists(), name


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_no_page_holds_both_sides_of_a_merge(page) -> None:
    lines = page.read_text(encoding="utf-8").splitlines()
    assert [line for line in lines if re.match(r"(<{7}|={7}|>{7})( |$)", line)] == []


def test_the_readme_and_the_index_lead_to_every_page() -> None:
    for start in (ROOT / "README.md", ROOT / "docs" / "index.md"):
        targets = re.findall(r"\]\(([^)\s#]+)", start.read_text(encoding="utf-8"))
        linked = {(start.parent / target).resolve() for target in targets}
        pages = {page for page in NO_GUIDES[1:] if page.name != "index.md"}
        assert pages - linked == set()


def test_the_tables_of_parameters_are_those_of_the_sources() -> None:
    tool = writer()
    page = tool.PAGE.read_text(encoding="utf-8")
    assert tool.with_tables(page) == page
    written = set(re.findall(r"<!-- table: (\S+) -->", page))
    assert written == set(tool.tables())


def test_a_table_that_is_out_of_date_is_written_anew_and_the_text_is_left_alone() -> None:
    tool = writer()
    page = "before\n<!-- table: roi -->\n| old |\n<!-- end -->\nafter\n"
    text = tool.with_tables(page)
    assert text.startswith("before\n<!-- table: roi -->\n| name | default |")
    assert "| `roi.range` | `[0.0, 0.0, 0.0, 0.0, 0.0, 0.0]` |" in text
    assert text.endswith("|\n<!-- end -->\nafter\n")
    assert "old" not in text
    assert tool.with_tables(text) == text
    with pytest.raises(KeyError, match="unknown"):
        tool.with_tables(page.replace("roi", "unknown"))


def test_tables_are_written_without_torch_and_ros() -> None:
    code = "import sys; sys.argv = ['x', '--check']; import runpy\n" \
           "try:\n    runpy.run_path('packaging/write_parameters.py', run_name='__main__')\n" \
           "except SystemExit as end:\n" \
           "    print(end.code, *{'torch', 'rclpy'} & set(sys.modules))"  # fmt: skip
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert done.stdout.split() == ["0"]


def test_the_readmes_python_runs_as_it_stands(tmp_path, monkeypatch) -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    (block,) = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    simulate_frame(5, load_rig("vlp16")).points.tofile(tmp_path / "000000.bin")
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {}
    exec(block, names)
    found = names["found"]
    assert found.boxes.shape == (len(found.scores), 7)
    assert len(found.scores) == len(found.labels) > 0
