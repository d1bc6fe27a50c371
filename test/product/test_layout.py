"""The law of the layout: who may import whom, who may import ROS, how full a folder may be."""

import ast
import re
import sys
from functools import cache
from pathlib import Path

import pytest
from import_graph import Imports, Parts, circles, level_graphs, read_imports

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("pd_ros", "training")
MOST_ENTRIES = 16  # beside __init__.py and __main__.py

# What each entry of a package may import of its own package. Every one may import process, which
# needs the standard library alone.
ALL_BELOW_ROS = {"detection", "evaluation", "pointcloud", "recordings", "replay", "runtime"}
VEHICLE = {
    "__init__": set(),
    "__main__": {"__init__"},
    "process": set(),
    "jobs": set(),
    "detection": set(),
    "evaluation": {"detection"},
    "pointcloud": {"detection"},
    "recordings": {"detection", "evaluation", "pointcloud"},
    "runtime": {"detection", "evaluation", "pointcloud", "recordings"},
    "replay": {"detection", "evaluation", "pointcloud", "recordings", "runtime"},
    "evaluate_recording": ALL_BELOW_ROS | {"jobs"},
    "benchmark": {"detection", "evaluation", "pointcloud", "recordings", "runtime"},
    "check_device": {"benchmark", "detection", "pointcloud", "recordings", "runtime", "__init__"},
    "ros": ALL_BELOW_ROS,
    "inspect_cloud": {"detection", "pointcloud", "recordings", "runtime", "ros"},
    "commands": ALL_BELOW_ROS | {"benchmark", "ros"},
}
BATCHES = {"config", "datasets", "objectives"}
LOOP = {*BATCHES, "batches", "distillation", "distributed", "evaluate"}
TRAINING = {
    "__init__": set(),
    "distributed": set(),
    "config": set(),
    "datasets": {"config"},
    "simulate": {"datasets"},
    "inspect_data": {"config", "datasets", "simulate"},
    "objectives": {"config", "datasets"},
    "batches": BATCHES,
    "profile": {"datasets", "simulate"},
    "evaluate": {"batches", "config", "datasets"},
    "distillation": {*BATCHES, "batches", "profile", "distributed"},
    "loop": LOOP,
    "import_checkpoint": set(),
    "train": {*LOOP, "loop"},
    "adapt": {*LOOP, "loop", "simulate", "train"},
    "benchmark": {*LOOP, "loop", "profile", "train"},
    "step_benchmark": {"benchmark"},
}
LAW = {"pd_ros": VEHICLE, "training": TRAINING}
# What training may import of pd_ros, and who of it may import more.
OF_PD_ROS = {"detection", "evaluation", "pointcloud", "recordings", "process"}
MORE_OF_PD_ROS = {
    "profile": {"benchmark"},
    "benchmark": {"benchmark", "check_device", "jobs"},
    "simulate": {"jobs"},
    "adapt": {"evaluate_recording"},  # its page of HTML
    "datasets": {"runtime"},  # the checks of clouds that all commands share
}

ROS = re.compile(r"rclpy|rosidl\w*|ament_\w+|tf2_\w+|\w+_msgs(_py)?|\w+_interfaces|launch(_ros)?")


@cache
def imports() -> dict[Parts, Imports]:
    return read_imports(ROOT, PACKAGES)


def test_no_entries_of_a_folder_import_each_other() -> None:
    assert len(imports()) > 250
    assert circles(imports()) == []


@pytest.mark.parametrize("package", PACKAGES)
def test_the_law_names_what_is_there(package: str) -> None:
    there = {parts[1] for parts in imports() if parts[0] == package}
    assert there == LAW[package].keys()
    assert set().union(*LAW[package].values()) <= there


@pytest.mark.parametrize("package", PACKAGES)
def test_imports_go_where_the_law_lets_them(package: str) -> None:
    graph = level_graphs(imports())[(package,)]
    forbidden = {
        f"{package}/{entry} imports {package}/{target}"
        for entry, targets in graph.items()
        for target in targets - LAW[package][entry] - {"process"}
    }
    assert forbidden == set()


def test_training_imports_no_more_of_pd_ros_than_it_may_and_never_the_other_way() -> None:
    forbidden = {
        f"{'/'.join(module)} imports {'/'.join(target)}"
        for module, (targets, _) in imports().items()
        for target in targets
        if module[0] != target[0]
        and (
            module[0] == "pd_ros"
            or target[1] not in OF_PD_ROS | MORE_OF_PD_ROS.get(module[1], set()) | {"__init__"}
        )
    }
    assert forbidden == set()


def test_ros_is_imported_in_its_folder_alone() -> None:
    users = {
        parts
        for parts, (_, others) in imports().items()
        if any(ROS.fullmatch(name.partition(".")[0]) for name in others)
    }
    assert {parts[:2] for parts in users} == {("pd_ros", "ros")}


def test_process_needs_the_standard_library_alone() -> None:
    names = {
        name.partition(".")[0]
        for parts, (_, others) in imports().items()
        if parts[:2] == ("pd_ros", "process")
        for name in others
    }
    assert names - sys.stdlib_module_names == set()


@pytest.mark.parametrize("package", PACKAGES)
def test_no_folder_is_overfull(package: str) -> None:
    folders = [path for path in (ROOT / package).rglob("*") if path.is_dir()]
    for folder in [ROOT / package, *folders]:
        entries = [path.name for path in folder.iterdir() if not path.name.startswith("__")]
        assert len(entries) <= MOST_ENTRIES, folder


@pytest.mark.parametrize("package", PACKAGES)
def test_every_folder_says_what_it_holds_and_what_to_read_first(package: str) -> None:
    for path in (ROOT / package).rglob("__init__.py"):
        text = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
        assert text.count(".") > 1, path
        for name in re.findall(r"``(\w+\.py)``", text):
            assert (path.parent / name).is_file(), f"{path} names {name}"


def write(root: Path, **texts: str) -> dict[Parts, Imports]:
    for name, text in texts.items():
        path = root / f"{name.replace('__', '/')}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return read_imports(root, ("some",))


def test_a_circle_of_folders_is_found_although_no_modules_import_each_other(tmp_path) -> None:
    found = write(
        tmp_path,
        some__deep__a__one="from some.deep.b.two import x\n",
        some__deep__b__two="import math\n",
        some__deep__b__three="def f():\n    from some.deep.c import four\n",
        some__deep__c__four="import some.deep.a.five\n",
        some__deep__a__five="",
    )
    (circle,) = circles(found)
    folder, _, names = circle.partition(": ")
    assert folder == "some/deep"
    assert names in ("a -> b -> c -> a", "b -> c -> a -> b", "c -> a -> b -> c")
    assert found[("some", "deep", "b", "two")].others == {"math"}


def test_imports_for_type_checkers_alone_are_no_arrows(tmp_path) -> None:
    text = "if TYPE_CHECKING:\n    import some.b\nelse:\n    import some.c\n"
    found = write(tmp_path, some__a=text, some__b="from some import a\n", some__c="")
    assert found[("some", "a")].modules == {("some", "c")}
    assert circles(found) == []
