"""Generated C sources to a Python package that carries its own libraries.

Four libraries and the extension lie inside the package, whose ``__init__`` loads them by path:
ROS looks libraries up by name alone, and takes one that is already loaded.
"""

import os
import shutil
import sysconfig
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from rosidl_generate import LAYERS, BuildError, InterfacePackage, run_tool

_LIBRARIES = LAYERS[:4]
_EXTENSION = LAYERS[4]
_ROS_LIBRARIES = (
    "rosidl_runtime_c", "rosidl_typesupport_c", "rosidl_typesupport_fastrtps_c",
    "rosidl_typesupport_fastrtps_cpp", "rosidl_typesupport_introspection_c", "fastcdr", "rcutils",
)  # fmt: skip
_LOADER = """\
import ctypes
import pathlib

for _layer in {layers!r}:
    ctypes.CDLL(str(pathlib.Path(__file__).with_name(f"lib{name}__{{_layer}}.so")))
"""


def check_compiler() -> None:
    """Refuse before any work where something to compile with is missing."""
    header = Path(sysconfig.get_path("include")) / "Python.h"
    missing = [tool for tool in ("gcc", "g++") if shutil.which(tool) is None]
    missing += [] if header.exists() else [str(header)]
    if missing:
        raise BuildError(
            f"expected gcc, g++ and Python's headers, missing {', '.join(missing)}:"
            " sudo apt install build-essential python3-dev"
        )


def compile_module(package: InterfacePackage) -> Path:
    """The finished package folder, for a folder on Python's path."""
    objects = _compile_all(package)
    module = package.folder / "module" / package.name
    shutil.copytree(
        package.generated(_EXTENSION) / package.name, module,
        ignore=lambda _, names: [name for name in names if name.endswith((".c", ".o", ".h"))],
    )  # fmt: skip
    made: list[str] = []
    for layer in _LIBRARIES:
        needed = [f"{name}__{layer}" for name in package.dependencies] + made
        _link(package, module / f"lib{package.name}__{layer}.so", objects[layer], needed)
        made.append(f"{package.name}__{layer}")
    needed = [f"{name}__{_EXTENSION}" for name in package.dependencies] + made
    suffix = sysconfig.get_config_var("EXT_SUFFIX")
    extension = module / f"{package.name}_s__rosidl_typesupport_c{suffix}"
    _link(package, extension, objects[_EXTENSION], needed)
    loader = _LOADER.format(layers=_LIBRARIES, name=package.name)
    (module / "__init__.py").write_text(loader, encoding="utf-8")
    return module


def _compile_all(package: InterfacePackage) -> dict[str, list[Path]]:
    """Objects of every layer; all cores at work, as the compilers run outside of Python."""
    includes = [f"-I{path}" for path in _include_paths(package)]
    sources = {
        layer: sorted(
            path
            for path in package.generated(layer).rglob("*")
            if path.suffix in (".c", ".cpp")
        )
        for layer in LAYERS
    }  # fmt: skip
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        running = {
            layer: [pool.submit(_compile, package.name, path, includes) for path in paths]
            for layer, paths in sources.items()
        }
        return {layer: [job.result() for job in jobs] for layer, jobs in running.items()}


def _compile(name: str, source: Path, includes: Sequence[str]) -> Path:
    compiler = ["g++", "-std=c++17"] if source.suffix == ".cpp" else ["gcc", "-std=c11"]
    result = source.with_suffix(source.suffix + ".o")
    run_tool([
        *compiler, "-O1", "-fPIC", "-w", f'-DROS_PACKAGE_NAME="{name}"', *includes,
        "-c", source, "-o", result,
    ])  # fmt: skip
    return result


def _include_paths(package: InterfacePackage) -> list[Path]:
    headers = package.prefix / "include"
    return [
        *(package.generated(layer) for layer in LAYERS),
        *sorted(path for path in headers.iterdir() if path.is_dir()),
        headers,
        Path(sysconfig.get_path("include")),
        Path(np.get_include()),
    ]


def _link(
    package: InterfacePackage, result: Path, objects: Sequence[Path], needed: Sequence[str]
) -> None:
    run_tool([
        "g++", "-shared", "-o", result, f"-Wl,-soname,{result.name}", "-Wl,-rpath,$ORIGIN",
        *objects, f"-L{package.prefix / 'lib'}", f"-L{result.parent}",
        *(f"-l{name}" for name in (*_ROS_LIBRARIES, *needed)),
    ])  # fmt: skip
