"""Build the Python modules of the messages for boxes into the environment that runs this.

ROS's wheels bring the common messages but not ``vision_msgs`` nor ``autoware_perception_msgs``.
The definitions are those that recordings are read and written with, so that both have the same
type hash. Nothing is done where an up-to-date module lies already; one that fails half-way leaves
what was there.

.venv/bin/python packaging/build_messages.py [PACKAGE...]
"""

import hashlib
import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import time
from collections.abc import Mapping, Sequence
from importlib.metadata import distributions
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.append(str(HERE.parent))  # the checkout: pd_ros need not be installed

from rosidl_compile import check_compiler, compile_module  # noqa: E402
from rosidl_generate import BuildError, InterfacePackage, generate  # noqa: E402

from pd_ros.recordings.typestore import DEFINITIONS  # noqa: E402

NAMES = ("vision_msgs", "autoware_perception_msgs")
DEPENDENCIES = ("builtin_interfaces", "std_msgs", "geometry_msgs")
STAMP = "built_from.sha256"


def main(names: Sequence[str]) -> int:
    """Build those packages that are not there; returns the exit code."""
    site = Path(sysconfig.get_path("purelib"))
    try:
        for name in names:
            if name not in NAMES:
                raise BuildError(f"expected some of {', '.join(NAMES)}, got {name}")
            _provide(name, site)
    except (BuildError, OSError) as error:
        sys.stderr.write(f"build_messages: {error}\n")
        return 1
    return 0


def _provide(name: str, site: Path) -> None:
    definitions = {
        kind.rpartition("/")[2]: text
        for kind, text in DEFINITIONS.items()
        if kind.startswith(f"{name}/")
    }
    origin = _origin(definitions)
    stamp = site / name / STAMP
    if stamp.is_file() and stamp.read_text(encoding="utf-8") == origin:
        return
    start = time.monotonic()
    _check_environment()
    sys.stdout.write(f"building {name} from its definitions: compiles for 10 to 30 s\n")
    sys.stdout.flush()
    with tempfile.TemporaryDirectory(prefix=f"{name}_") as folder:
        module = _build(name, definitions, Path(folder))
        (module / STAMP).write_text(origin, encoding="utf-8")
        _install(module, site)
    sys.stdout.write(f"built {name} in {time.monotonic() - start:.0f} s\n")


def _origin(definitions: Mapping[str, str]) -> str:
    """Changes with anything that the module is made of: texts, generators, this program."""
    wheels = sorted({
        f"{wheel.name}=={wheel.version}"
        for wheel in distributions() if wheel.name.startswith(("ros-", "empy", "lark"))
    })  # fmt: skip
    programs = [path.read_text(encoding="utf-8") for path in sorted(HERE.glob("*.py"))]
    parts = [sys.version, *wheels, *programs, *map(repr, definitions.items())]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def _check_environment() -> None:
    if sys.prefix == sys.base_prefix:
        raise BuildError(
            f"expected the Python of a virtual environment, got {sys.executable}:"
            " run it as .venv/bin/python packaging/build_messages.py"
        )
    if not (Path(sys.prefix) / "share" / "rosidl_generator_py").is_dir():
        raise BuildError(
            f"expected ROS's message generators in {sys.prefix}, got none:"
            " install packaging/requirements/ros.txt, or run packaging/environment.sh ros"
        )
    check_compiler()


def _build(name: str, definitions: Mapping[str, str], folder: Path) -> Path:
    package = InterfacePackage(name, definitions, DEPENDENCIES, folder, Path(sys.prefix))
    generate(package)
    module = compile_module(package)
    _try_import(module, list(definitions))
    return module


def _try_import(module: Path, messages: Sequence[str]) -> None:
    """Load every message's type support in a fresh interpreter, before anything is replaced."""
    names = ", ".join(messages)
    code = (
        f"from {module.name}.msg import {names}\n"
        f"for message in ({names}):\n"
        "    kind = type(message)\n"
        "    kind.__import_type_support__()\n"
        "    assert kind._TYPE_SUPPORT is not None, message\n"  # a failed import is only logged
    )
    environment = os.environ | {"PYTHONPATH": str(module.parent)}
    result = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False
    )
    if result.returncode != 0:
        raise BuildError(f"expected the new module to load, got\n{result.stderr.strip()}")


def _install(module: Path, site: Path) -> None:
    """Put the module in the place of an older one; what is seen there is always whole."""
    place, new, old = (site / text.format(module.name) for text in ("{}", ".{}.new", ".{}.old"))
    for left_over in (new, old):
        shutil.rmtree(left_over, ignore_errors=True)
    shutil.copytree(module, new)
    if place.exists():
        place.rename(old)
    new.rename(place)
    shutil.rmtree(old, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:] or NAMES))
