"""What is declared against what is there: dependencies, versions, commands, pins."""

import ast
import os
import re
import runpy
import subprocess
import sys
import warnings
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
REQUIREMENTS = sorted((ROOT / "packaging" / "requirements").glob("*.txt"))
DISTRIBUTIONS = {
    "yaml": "pyyaml",
    "spconv": "spconv-cu126",
    "PIL": "pillow",
}  # where the names differ
PIN = re.compile(r"([A-Za-z0-9._-]+)==([A-Za-z0-9.+!]+)")


@pytest.fixture(scope="module")
def declared() -> dict[str, Any]:
    """The arguments of setup.py's call."""
    setuptools = pytest.importorskip("setuptools", reason="setuptools is not installed")
    seen: dict[str, Any] = {}
    with pytest.MonkeyPatch.context() as patch, warnings.catch_warnings():
        # of pkg_resources, which setuptools' own develop imports
        warnings.simplefilter("ignore", DeprecationWarning)
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


def test_package_xml_names_licences_that_are_installed_and_where_it_comes_from(
    manifest: ET.Element, declared: dict[str, Any]
) -> None:
    licences = {element.text: element.get("file", "") for element in manifest.iter("license")}
    assert licences.keys() == {"Apache-2.0", "CC-BY-NC-SA-3.0"}
    assert "Apache License" in (ROOT / licences["Apache-2.0"]).read_text()
    terms = (ROOT / licences["CC-BY-NC-SA-3.0"]).read_text()
    weights = {path.name for path in (ROOT / "pd_ros" / "weights").glob("*.safetensors")}
    assert all(f"`{name}`" in terms for name in weights)
    installed = dict(declared["data_files"])["share/pd_ros"]
    assert licences["Apache-2.0"] in installed
    assert "weights/TERMS.md" in declared["package_data"]["pd_ros"]
    assert manifest.find("url") is not None


def test_sensors_rigs_and_mixtures_are_installed_as_all_configs_are(
    declared: dict[str, Any],
) -> None:
    installed = dict(declared["data_files"])
    for name in ("sensors/vlp16", "rigs/two_vlp32c", "mixtures/travel"):
        folder = f"config/{name.partition('/')[0]}"
        assert f"config/{name}.yaml" in installed[f"share/pd_ros/{folder}"]


def test_what_rosdep_can_install_is_declared_by_its_key(manifest: ET.Element) -> None:
    depends = {element.text for element in manifest.iter("exec_depend")}
    keys = ("jinja2", "matplotlib", "numpy", "pil", "pydantic", "tqdm", "yaml")
    assert {f"python3-{name}" for name in keys} <= depends


def small_checkout(folder: Path) -> Path:
    """What setup.py reads of a checkout, and a package of one program."""
    folder.mkdir()
    for file in ("setup.py", "setup.cfg", "package.xml", "LICENSE"):
        (folder / file).write_text((ROOT / file).read_text())
    for place in ("pd_ros", "resource", "config", "launch"):
        (folder / place).mkdir()
    (folder / "resource" / "pd_ros").touch()
    (folder / "pd_ros" / "commands").mkdir()
    (folder / "pd_ros" / "__init__.py").touch()
    (folder / "pd_ros" / "commands" / "__init__.py").touch()
    (folder / "pd_ros" / "commands" / "node.py").write_text(
        "import sys\nprint(sys.argv, sys.orig_argv[0])\n"
    )
    return folder


def build(checkout: Path, *command: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run setup.py as colcon does, with this Python."""
    return subprocess.run(
        [sys.executable, "setup.py", "-q", *command], cwd=checkout, check=False,
        env={**os.environ, **variables}, capture_output=True, text=True,
    )  # fmt: skip


@pytest.mark.parametrize("way", ["install_scripts", "develop"])
def test_programs_start_with_the_python_of_the_environment(way: str, tmp_path: Path) -> None:
    pytest.importorskip("setuptools", reason="setuptools is not installed")
    checkout = small_checkout(tmp_path / "a b" if way == "develop" else tmp_path / "c")
    site, programs = tmp_path / "site", tmp_path / "programs"
    site.mkdir()
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    (checkout / ".venv" / "lib" / version).mkdir(parents=True)
    (checkout / ".venv" / "bin").mkdir()
    (checkout / ".venv" / "bin" / "python").symlink_to(sys.executable)
    more = ["--no-deps", f"--script-dir={programs}"]
    more = [*more, f"--install-dir={site}"] if way == "develop" else [f"--install-dir={programs}"]
    result = build(checkout, way, *more, PYTHONPATH=str(site))
    assert result.returncode == 0, result.stderr
    program = programs / "detector_node"
    wrong = tmp_path / "pd_ros" / "commands"  # not what is started, wherever that is
    wrong.mkdir(parents=True)
    (wrong / "node.py").write_text("raise SystemExit('the wrong one')")
    answer = subprocess.run(
        [program, "--one", "two words"], cwd=tmp_path, capture_output=True, text=True, check=True,
        env={**os.environ, "PYTHONPATH": str(checkout)},
    )  # fmt: skip
    assert "'--one', 'two words'" in answer.stdout
    assert str(checkout / ".venv" / "bin" / "python") in program.read_text()


WITHOUT_TORCH = """
import importlib.util
find_spec = importlib.util.find_spec
importlib.util.find_spec = lambda name, *more: None if name == "torch" else find_spec(name, *more)
"""


def test_a_build_without_torch_anywhere_is_refused(tmp_path: Path) -> None:
    pytest.importorskip("setuptools", reason="setuptools is not installed")
    checkout = small_checkout(tmp_path / "c")
    arguments = ["install_scripts", f"--install-dir={tmp_path / 'programs'}"]
    (tmp_path / "sitecustomize.py").write_text(WITHOUT_TORCH)
    none = build(checkout, *arguments, PYTHONPATH=str(tmp_path))
    assert none.returncode == 1
    assert "expected .venv, or a Python with torch" in none.stderr
    assert "run packaging/environment.sh" in none.stderr
    (checkout / "torch.py").write_text("")  # this Python has one, whatever it has
    assert build(checkout, *arguments).returncode == 0
    assert sys.executable in (tmp_path / "programs" / "detector_node").read_text()
    (checkout / ".venv" / "lib" / "python3.1").mkdir(parents=True)
    (checkout / ".venv" / "bin").mkdir()
    (checkout / ".venv" / "bin" / "python").symlink_to(sys.executable)
    other = build(checkout, *arguments)
    assert other.returncode == 1
    assert ".venv/bin/python: expected python3." in other.stderr


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
    known |= {"pd_ros", "pd_ros_launch", *sys.stdlib_module_names}
    files = [*(ROOT / "pd_ros").rglob("*.py"), *(ROOT / "launch").rglob("*.py")]
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
        and line not in ("-r run.txt", "-r onnx.txt", "-r openvino.txt", "-r jobs.txt")
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
    assert "launch/pd_ros_launch/respawn.py" in places["share/pd_ros/launch/pd_ros_launch"]
    assert "config/rviz/detector.rviz" in places["share/pd_ros/config/rviz"]


def test_what_lies_beside_the_modules_is_installed_with_them(declared: dict[str, Any]) -> None:
    """Weights, and the templates of the pages."""
    package = ROOT / "pd_ros"
    given = {path for glob in declared["package_data"]["pd_ros"] for path in package.glob(glob)}
    files = {p for p in package.rglob("*") if p.is_file() and "__pycache__" not in p.parts}
    assert given == {path for path in files if path.suffix != ".py"}
    assert package / "evaluate_recording" / "templates" / "evaluation.html" in given


def test_what_ros_starts_is_there_for_pip_too(declared: dict[str, Any]) -> None:
    commands = {entry.partition(" ")[0] for entry in declared["entry_points"]["console_scripts"]}
    scripts = {path.name: path for path in (ROOT / "packaging" / "libexec").iterdir()}
    expected = {
        "detector_node", "comparison_node", "evaluate_recording", "inspect_cloud", "live_bag",
        "pd_ros",
    }  # fmt: skip
    assert scripts.keys() == expected
    assert scripts.keys() <= commands
    for name, path in scripts.items():
        assert path.stat().st_mode & 0o111, name
        assert f'bin/{name}"' in path.read_text()


@pytest.mark.parametrize(
    ("arguments", "variables", "message"),
    [
        (["fish"], {}, "expected run, ros, train, test or docs, got 'fish'"),
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
