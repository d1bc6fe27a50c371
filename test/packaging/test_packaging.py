"""What is declared against what is there: dependencies, versions, commands, pins."""

import ast
import re
import runpy
import subprocess
import sys
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
REQUIREMENTS = sorted((ROOT / "packaging" / "requirements").glob("*.txt"))
DISTRIBUTIONS = {"yaml": "pyyaml", "spconv": "spconv-cu126"}  # where the names differ
PIN = re.compile(r"([A-Za-z0-9._-]+)==([A-Za-z0-9.+!]+)")


@pytest.fixture(scope="module")
def declared() -> dict[str, Any]:
    """The arguments of setup.py's call."""
    setuptools = pytest.importorskip("setuptools", reason="setuptools is not installed")
    seen: dict[str, Any] = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(setuptools, "setup", lambda **arguments: seen.update(arguments))
        patch.chdir(ROOT)
        runpy.run_path(str(ROOT / "setup.py"))
    return seen


@pytest.fixture(scope="module")
def manifest() -> ET.Element:
    return ET.parse(ROOT / "package.xml").getroot()


def normalized(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def requirement_lines(path: Path) -> list[str]:
    lines = (line.partition("#")[0].strip() for line in path.read_text().splitlines())
    return [line for line in lines if line]


def pins(path: Path) -> dict[str, str]:
    matches = (PIN.fullmatch(line) for line in requirement_lines(path))
    return {normalized(match[1]): match[2] for match in matches if match}


def imports(path: Path) -> Iterator[str]:
    """First parts of the names of all modules that a file imports, at any depth."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            yield node.module.partition(".")[0]


def test_package_xml_and_setup_py_agree(manifest: ET.Element, declared: dict[str, Any]) -> None:
    for field in ("name", "version", "license"):
        assert manifest.findtext(field) == declared[field], field
    assert (ROOT / "resource" / declared["name"]).is_file()


def test_training_and_tests_are_not_installed(declared: dict[str, Any]) -> None:
    tops = {package.partition(".")[0] for package in declared["packages"]}
    assert tops == {"pd_ros"}
    folders = {path.parent for path in (ROOT / "pd_ros").rglob("*.py")}
    assert {ROOT / package.replace(".", "/") for package in declared["packages"]} == folders


def test_every_import_is_declared(manifest: ET.Element, declared: dict[str, Any]) -> None:
    known = {element.text for element in manifest if element.tag.endswith("depend")}
    names = (re.split(r"[<>=]", requirement)[0] for requirement in declared["install_requires"])
    known |= {normalized(name) for name in names}
    known |= {name for path in REQUIREMENTS for name in pins(path)}
    known |= {"pd_ros", *sys.stdlib_module_names}
    files = [*(ROOT / "pd_ros").rglob("*.py"), *(ROOT / "launch").glob("*.py")]
    missing = {
        f"{path.relative_to(ROOT)}: {name}"
        for path in files
        for name in imports(path)
        if name not in known and normalized(DISTRIBUTIONS.get(name, name)) not in known
    }
    assert not missing


@pytest.mark.parametrize("path", REQUIREMENTS, ids=lambda path: path.stem)
def test_requirements_are_pinned(path: Path) -> None:
    assert path.read_text().startswith("# ")
    loose = [
        line for line in requirement_lines(path)
        if not PIN.fullmatch(line)
        and line not in ("-r run.txt", "-r onnx.txt", "-r openvino.txt")
    ]  # fmt: skip
    assert loose == []
    assert not {"torch", "torchvision", "triton"} & pins(path).keys()  # the GPU decides


def test_a_package_has_one_version_in_all_requirements() -> None:
    versions: dict[str, set[str]] = {}
    for path in REQUIREMENTS:
        for name, version in pins(path).items():
            versions.setdefault(name, set()).add(version)
    assert {name: found for name, found in versions.items() if len(found) > 1} == {}


def test_pip_and_the_environment_build_with_the_same_setuptools() -> None:
    project = (ROOT / "pyproject.toml").read_text()
    version = pins(ROOT / "packaging" / "requirements" / "run.txt")["setuptools"]
    assert f'requires = ["setuptools=={version}"]' in project


def test_commands_lead_to_functions(declared: dict[str, Any]) -> None:
    for entry in declared["entry_points"]["console_scripts"]:
        name, module, function = re.fullmatch(r"(\w+) = ([\w.]+):(\w+)", entry).groups()
        path = ROOT / (module.replace(".", "/") + ".py")
        assert path.is_file(), f"{name}: expected {path}"
        tree = ast.parse(path.read_text())
        assert function in {n.name for n in tree.body if isinstance(n, ast.FunctionDef)}, name


def test_installed_files_exist(declared: dict[str, Any]) -> None:
    places = dict(declared["data_files"])
    assert [f for files in places.values() for f in files if not (ROOT / f).is_file()] == []
    assert "config/model/center_pillar_student.yaml" in places["share/pd_ros/config/model"]
    assert "launch/detector.launch.py" in places["share/pd_ros/launch"]
    assert "config/rviz/detector.rviz" in places["share/pd_ros/config/rviz"]


def test_what_lies_beside_the_modules_is_installed_with_them(declared: dict[str, Any]) -> None:
    """Weights, and the templates of the pages."""
    package = ROOT / "pd_ros"
    given = {path for glob in declared["package_data"]["pd_ros"] for path in package.glob(glob)}
    files = {path for path in package.rglob("*") if path.is_file() and path.suffix != ".pyc"}
    assert given == {path for path in files if path.suffix != ".py"}
    assert package / "replay" / "templates" / "evaluation.html" in given


def test_what_ros_starts_is_there_for_pip_too(declared: dict[str, Any]) -> None:
    commands = {entry.partition(" ")[0] for entry in declared["entry_points"]["console_scripts"]}
    scripts = {path.name: path for path in (ROOT / "packaging" / "libexec").iterdir()}
    expected = {"detector_node", "comparison_node", "evaluate_recording", "inspect_cloud"}
    assert scripts.keys() == expected
    assert scripts.keys() <= commands
    for name, path in scripts.items():
        assert path.stat().st_mode & 0o111, name
        assert f'bin/{name}"' in path.read_text()


@pytest.mark.parametrize(
    ("arguments", "variables", "message"),
    [
        (["fish"], {}, "expected run, ros, train or test, got 'fish'"),
        (["run"], {"ROS_DISTRO": "humble"}, "ROS_DISTRO=humble"),
    ],
)
def test_environment_refuses(
    arguments: list[str], variables: dict[str, str], message: str, tmp_path: Path
) -> None:
    folder = tmp_path / "packaging"
    folder.mkdir()
    script = folder / "environment.sh"
    script.write_text((ROOT / "packaging" / "environment.sh").read_text())
    result = subprocess.run(
        ["bash", script, *arguments], env={"PATH": "/usr/bin:/bin", **variables},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert result.returncode == 1
    assert message in result.stderr
    assert not (tmp_path / ".venv").exists()
