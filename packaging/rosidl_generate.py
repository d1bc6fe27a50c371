"""ROS messages to C and Python sources, by the generators that ROS's wheels bring along.

What CMake's ``rosidl_generate_interfaces`` would run, for one package and for Fast DDS only.
"""

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

LAYERS = (
    "rosidl_generator_c",
    "rosidl_typesupport_fastrtps_c",
    # rmw_fastrtps describes the type to other nodes by this one: without it no publisher starts
    "rosidl_typesupport_introspection_c",
    "rosidl_typesupport_c",
    "rosidl_generator_py",
)  # each generator's C sources need those of the ones before it
_EXTRA = {
    "rosidl_typesupport_c": ("--typesupports", LAYERS[1], LAYERS[2]),
    "rosidl_generator_py": ("--typesupport-impls", "rosidl_typesupport_c"),
}


class BuildError(Exception):
    """The module cannot be built; says where, and what to do."""


@dataclass(frozen=True)
class InterfacePackage:
    """One package of messages, and where what is made of it lies."""

    name: str
    definitions: Mapping[str, str]  # name of a message -> its text
    dependencies: tuple[str, ...]  # packages of the messages that the texts name, innermost first
    folder: Path
    prefix: Path  # of the environment with the ROS wheels

    @property
    def source(self) -> Path:
        """Where the ``msg`` folder lies."""
        return self.folder / "source"

    def generated(self, layer: str) -> Path:
        """Return the folder that a generator wrote; an include path."""
        return self.folder / layer


def generate(package: InterfacePackage) -> None:
    """Write the .msg files, then run every generator on them."""
    for name, text in package.definitions.items():
        path = package.source / "msg" / f"{name}.msg"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    _adapt(package)
    include_paths = [f"{name}:{_share(package, name)}" for name in package.dependencies]
    _run_generator(package, "rosidl_generator_type_description", include_paths=include_paths)
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        list(pool.map(lambda layer: _run_generator(package, layer), LAYERS))
    _write_visibility_headers(package)


def run_tool(command: Sequence[str | Path]) -> None:
    """Run a program; its whole output is shown only when it fails."""
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    if result.returncode != 0:
        output = (result.stdout + result.stderr).strip()
        raise BuildError(f"{command[0]}: expected exit code 0, got {result.returncode}\n{output}")


def _adapt(package: InterfacePackage) -> None:
    """Turn .msg files into .idl files, the form that the generators read."""
    messages = [f"{package.source}:msg/{name}.msg" for name in package.definitions]
    arguments = _write_arguments(package, "rosidl_adapter", {"non_idl_tuples": messages})
    output = package.generated("rosidl_adapter")
    run_tool([
        sys.executable, "-m", "rosidl_adapter", "--package-name", package.name,
        "--arguments-file", arguments, "--output-dir", output / package.name,
        "--output-file", output / "idl_files",
    ])  # fmt: skip


def _run_generator(package: InterfacePackage, name: str, **more: list[str]) -> None:
    adapted = package.generated("rosidl_adapter") / package.name
    described = package.generated("rosidl_generator_type_description") / package.name
    messages = package.definitions
    arguments: dict[str, str | list[str]] = {
        "output_dir": str(package.generated(name) / package.name),
        "template_dir": str(_share(package, name) / "resource"),
        "idl_tuples": [f"{adapted}:msg/{message}.idl" for message in messages],
        "ros_interface_files": [f"{package.source}/msg/{message}.msg" for message in messages],
        "ros_interface_dependencies": _dependency_files(package),
        "target_dependencies": [],
        "type_description_tuples": [
            f"msg/{message}.idl:{described}/msg/{message}.json" for message in messages
        ],
        **more,
    }
    program = package.prefix / "lib" / name / name
    path = _write_arguments(package, name, arguments)
    extra = _EXTRA.get(name, ())
    run_tool([sys.executable, program, "--generator-arguments-file", path, *extra])


def _dependency_files(package: InterfacePackage) -> list[str]:
    return [
        f"{name}:{path}"
        for name in package.dependencies
        for path in sorted((_share(package, name) / "msg").glob("*.idl"))
    ]


def _write_arguments(
    package: InterfacePackage, name: str, arguments: Mapping[str, str | list[str]]
) -> Path:
    path = package.folder / f"{name}.json"
    text = json.dumps({"package_name": package.name, **arguments})
    path.write_text(text, encoding="utf-8")
    return path


def _write_visibility_headers(package: InterfacePackage) -> None:
    """The headers that CMake would fill in: which symbols a library exports."""
    for layer in LAYERS[:3]:
        file = f"{layer}__visibility_control.h"
        text = (_share(package, layer) / "resource" / f"{file}.in").read_text(encoding="utf-8")
        text = text.replace("@PROJECT_NAME_UPPER@", package.name.upper())
        text = text.replace("@PROJECT_NAME@", package.name)
        path = package.generated(layer) / package.name / "msg" / file
        path.write_text(text, encoding="utf-8")


def _share(package: InterfacePackage, name: str) -> Path:
    return package.prefix / "share" / name
