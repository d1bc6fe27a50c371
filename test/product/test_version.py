"""One version, stated in package.xml and repeated where others look for it."""

import re
import subprocess
import sys
from importlib import metadata
from pathlib import Path
from xml.etree import ElementTree

import pytest
import yaml

import pd_ros
from pd_ros.__main__ import main
from pd_ros.process import version

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def stated() -> str:
    text = ElementTree.parse(ROOT / "package.xml").findtext("version")
    assert text and re.fullmatch(r"\d+\.\d+\.\d+", text)
    return text


def test_python_and_the_command_line_say_it(stated, capsys) -> None:
    assert pd_ros.__version__ == stated
    with pytest.raises(SystemExit) as end:
        main(["--version"])
    assert end.value.code == 0
    assert capsys.readouterr().out == f"pd_ros {stated}\n"


def test_an_installed_package_says_what_it_was_installed_as(monkeypatch, tmp_path) -> None:
    monkeypatch.setattr(version, "__file__", str(tmp_path / "pd_ros" / "process" / "version.py"))
    (tmp_path / "pd_ros-1.2.3.dist-info").mkdir()
    (tmp_path / "pd_ros-1.2.3.dist-info" / "METADATA").write_text("Name: pd_ros\nVersion: 1.2.3\n")
    monkeypatch.syspath_prepend(tmp_path)
    assert version.read_version() == metadata.version("pd_ros") == "1.2.3"


def test_it_is_read_only_when_it_is_asked_for() -> None:
    code = "import sys, pd_ros; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert not {"pd_ros.process.version", "importlib.metadata"} & set(done.stdout.split())
    assert not hasattr(pd_ros, "__versions__")


def test_the_citation_says_it(stated) -> None:
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert citation["version"] == stated


def test_the_change_log_begins_with_it(stated) -> None:
    text = (ROOT / "CHANGELOG.md").read_text()
    versions = re.findall(r"^## \[(\d[\d.]*)\] - \d{4}-\d{2}-\d{2}$", text, re.MULTILINE)
    assert versions[0] == stated
    assert versions == sorted(versions, reverse=True)


def test_nothing_else_states_it(stated) -> None:
    setup = (ROOT / "setup.py").read_text()
    assert "package.xml" in setup
    assert stated not in setup + (ROOT / "pyproject.toml").read_text()
