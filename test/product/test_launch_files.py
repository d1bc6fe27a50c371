"""Launch files against what they start: as far as it goes without launch, and with it."""

import ast
import re
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import yaml

from pd_ros.runtime.parameters.specs import class_specs

ROOT = Path(__file__).resolve().parents[2]
LAUNCH = ROOT / "launch"
FILES = sorted(path.name for path in LAUNCH.glob("*.launch.py"))
RVIZ = sorted((ROOT / "config" / "rviz").glob("*.rviz"))
# What a node has beside its own parameters.
OF_ROS = {"use_sim_time"}


def constant(name: str, file: str) -> Any:
    """A constant of a launch file, without running it; what is worked out is left as text."""
    for node in ast.parse((LAUNCH / file).read_text()).body:
        targets = (
            [node.target] if isinstance(node, ast.AnnAssign) else getattr(node, "targets", [])
        )
        if any(isinstance(target, ast.Name) and target.id == name for target in targets):
            return [[ast.unparse(part) for part in row.elts] for row in node.value.elts]
    raise AssertionError(f"{file} has no {name}")


def arguments(file: str) -> dict[str, str]:
    """Arguments of a launch file with their defaults as Python text."""
    return {ast.literal_eval(row[0]): row[1] for row in constant("ARGUMENTS", file)}


def keys_of_dictionaries(file: str) -> set[str]:
    """All keys in a launch file that could be names of parameters."""
    tree = ast.parse((LAUNCH / file).read_text())
    keys = [key for node in ast.walk(tree) if isinstance(node, ast.Dict) for key in node.keys]
    return {key.value for key in keys if isinstance(key, ast.Constant)}


@pytest.fixture
def specs() -> tuple[Any, Any]:
    """The parameters of detector and comparison."""
    pytest.importorskip("rclpy", reason="rclpy is not installed: see packaging/")
    parts = (("specs", "SPECS"), ("comparison_specs", "COMPARISON_SPECS"))
    return tuple(
        getattr(import_module(f"pd_ros.runtime.parameters.{file}"), name) for file, name in parts
    )


def test_the_launch_files_are_there() -> None:
    assert FILES == [
        "autoware.launch.py", "compare.launch.py", "detector.launch.py", "replay.launch.py"
    ]  # fmt: skip


@pytest.mark.parametrize("file", FILES)
def test_it_is_python_with_a_description_and_an_example(file) -> None:
    tree = ast.parse((LAUNCH / file).read_text())
    assert f"ros2 launch pd_ros {file}" in ast.get_docstring(tree)
    functions = {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}
    assert "generate_launch_description" in functions


def test_every_argument_is_used() -> None:
    for file in ("detector.launch.py", "replay.launch.py"):
        text = (LAUNCH / file).read_text()
        for name in arguments(file):
            assert f'value["{name}"]' in text, f"{file}: {name}"


def test_the_middleware_is_never_chosen() -> None:
    for path in LAUNCH.rglob("*.py"):
        assert "RMW" not in path.read_text()


def test_parameters_that_are_given_exist(specs) -> None:
    known = {spec.name for row in specs for spec in row} | OF_ROS
    given = {key for key in keys_of_dictionaries("detector.launch.py") if "." in key}
    given |= {"autostart", "every", "use_sim_time"}
    assert len(given) >= 7
    assert given <= keys_of_dictionaries("detector.launch.py")
    assert given <= known


def test_the_parameter_file_holds_the_defaults(specs) -> None:
    nodes = yaml.safe_load((ROOT / "config" / "node.yaml").read_text())
    assert list(nodes) == ["/**/lidar_detector", "/**/lidar_comparison"]
    for content, row in zip(nodes.values(), specs, strict=True):
        defaults = {spec.name: spec.default for spec in row}
        for name, value in content["ros__parameters"].items():
            assert type(value) is type(defaults[name]), name
            assert value == defaults[name], name


def test_the_parameters_for_autoware_are_those_of_the_node(specs) -> None:
    """Those that are commented out as well, as one writes them after that."""
    text = (ROOT / "config" / "autoware.yaml").read_text()
    text = re.sub(r"^    # (?=[\w.]+: )", "    ", text, flags=re.MULTILINE)
    (content,) = yaml.safe_load(text).values()
    types = {spec.name: type(spec.default) for spec in (*specs[0], *class_specs(["van"]))}
    given = content["ros__parameters"]
    assert given["output.message"] == "autoware" and len(given) == 4
    for name, value in given.items():
        assert (tuple if isinstance(value, list) else type(value)) is types[name], name


@pytest.mark.parametrize("path", RVIZ, ids=lambda path: path.name)
def test_rviz_shows_what_the_nodes_publish(path) -> None:
    displays = yaml.safe_load(path.read_text())["Visualization Manager"]["Displays"]
    topics = {d["Topic"]["Value"]: d["Class"] for d in displays if "Topic" in d}
    remapped = set(re.findall(r'\("(/[\w/]+)",', (LAUNCH / "detector.launch.py").read_text()))
    assert topics.keys() <= remapped
    assert topics["/points"].endswith("PointCloud2")
    assert topics["/lidar_detector/markers"].endswith("MarkerArray")


def test_files_that_are_named_are_there() -> None:
    text = (LAUNCH / "detector.launch.py").read_text()
    assert '"config" / "dds" / "fastdds_shm.xml"' in text
    assert (ROOT / "config" / "dds" / "fastdds_shm.xml").is_file()
    assert {path.stem for path in RVIZ} == {"detector", "compare"}


@pytest.fixture
def launch() -> Any:
    pytest.importorskip("launch_ros", reason="launch_ros is not installed")
    return pytest.importorskip("launch", reason="launch is not installed")


def description(launch: Any, file: str) -> Any:
    sources = launch.launch_description_sources
    return sources.PythonLaunchDescriptionSource(str(LAUNCH / file)).get_launch_description(
        launch.LaunchContext()
    )


@pytest.mark.parametrize("file", FILES)
def test_arguments_can_be_shown(launch, file) -> None:
    shown = {a.name: a for a in description(launch, file).get_launch_arguments()}
    assert {"namespace", "params_file", "input_topic", "dds_profile", "compare"} <= shown.keys()
    assert all(argument.description for argument in shown.values())


def started(launch: Any, monkeypatch: pytest.MonkeyPatch, **values: str) -> list[Any]:
    """The actions that the detector's launch file starts with these values."""
    monkeypatch.delenv("FASTRTPS_DEFAULT_PROFILES_FILE", raising=False)
    context = launch.LaunchContext()
    context.launch_configurations.update(values)
    *declared, start = description(launch, "detector.launch.py").entities
    for argument in declared:
        argument.execute(context)
    return start.execute(context)


def names(actions: list[Any]) -> list[str]:
    return [type(action).__name__ for action in actions]


def test_what_is_started(launch, monkeypatch) -> None:
    plain = started(launch, monkeypatch)
    assert names(plain) == ["SetEnvironmentVariable", "LifecycleNode"]
    assert names(started(launch, monkeypatch, dds_profile="none")) == ["LifecycleNode"]
    everything = started(launch, monkeypatch, compare="true", rviz="true", every="3")
    assert names(everything) == ["SetEnvironmentVariable", "LifecycleNode", "Node", "Node"]


def test_bad_values_are_refused(launch, monkeypatch) -> None:
    with pytest.raises(ValueError, match="dds_profile: expected shm, none or a file"):
        started(launch, monkeypatch, dds_profile="/no/such.xml")
    with pytest.raises(Exception, match="true"):
        started(launch, monkeypatch, compare="perhaps")
