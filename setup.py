"""Say what of pd_ros is installed, and where; colcon and pip both read it.

The training package and the tests stay in the checkout. Programs that colcon installs start with
the Python of .venv, where packaging/environment.sh has put torch: the Python that runs colcon is
ROS's, which has none.
"""

import shlex
import sys
from importlib.util import find_spec
from pathlib import Path
from xml.etree import ElementTree

from setuptools import setup
from setuptools.command.develop import develop
from setuptools.command.install_scripts import install_scripts

NAME = "pd_ros"
HERE = Path(__file__).resolve().parent


def shared_files(folder: str) -> list[tuple[str, list[str]]]:
    """Every file below ``folder``, to lie at the same place in share/pd_ros."""
    files: dict[str, list[str]] = {}
    for path in sorted((HERE / folder).rglob("*")):
        if path.is_file() and "__pycache__" not in path.parts:
            place = path.relative_to(HERE)
            files.setdefault(f"share/{NAME}/{place.parent}", []).append(str(place))
    return list(files.items())


def wheel_files() -> list[tuple[str, list[str]]]:
    """List what only pip needs: it puts commands into bin, where ROS does not look for nodes.

    colcon puts them into lib/pd_ros itself, by setup.cfg.
    """
    if "bdist_wheel" not in sys.argv:
        return []
    scripts = sorted((HERE / "packaging" / "libexec").iterdir())
    return [(f"lib/{NAME}", [str(path.relative_to(HERE)) for path in scripts])]


def packages() -> list[str]:
    """Every folder with Python files, whether or not it has an ``__init__.py``."""
    folders = {path.parent.relative_to(HERE) for path in (HERE / NAME).rglob("*.py")}
    return sorted(".".join(folder.parts) for folder in folders)


def python() -> str:
    """The Python that programs start with: that of .venv, else this one if it has torch."""
    path = HERE / ".venv" / "bin" / "python"
    if not path.exists():
        if find_spec("torch") is None:
            sys.exit(
                f"{HERE}: expected .venv, or a Python with torch, got {sys.executable} without;"
                " run packaging/environment.sh there, then build again"
            )
        return sys.executable
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    if not (HERE / ".venv" / "lib" / version).exists():
        sys.exit(
            f"{path}: expected {version}, as the Python that builds, got another; make .venv anew:"
            f" rm -r {HERE / '.venv'}; PD_ROS_PYTHON={sys.executable} packaging/environment.sh"
        )
    return str(path)


def write_programs(command: install_scripts | develop) -> None:
    """One script for each program; -P: what lies in the folder it is started in is not ours."""
    for entry in command.distribution.entry_points["console_scripts"]:
        name, target = entry.split(" = ")
        start = shlex.join([python(), "-P", "-m", target.partition(":")[0]])
        command.write_script(name, f'#!/bin/sh\nexec {start} "$@"\n')


class InstallScripts(install_scripts):  # colcon build
    def run(self) -> None:
        for_pip, self.no_ep = self.no_ep, True  # not those that setuptools would write
        super().run()
        if not for_pip:
            write_programs(self)


class Develop(develop):  # colcon build --symlink-install
    def install_wrapper_scripts(self, dist: object) -> None:
        write_programs(self)


setup(
    name=NAME,
    version=ElementTree.parse(HERE / "package.xml").findtext("version"),
    description="3D boxes from LiDAR clouds: a small distilled detector as a ROS 2 lifecycle node",
    maintainer="pd_ros maintainers",
    maintainer_email="maintainers@pd-ros.invalid",
    license="Apache-2.0",
    packages=packages(),
    package_data={
        NAME: [
            "py.typed", "weights/*.safetensors", "weights/TERMS.md",
            "evaluate_recording/templates/*",
        ],
    },
    data_files=[
        ("share/ament_index/resource_index/packages", [f"resource/{NAME}"]),
        (f"share/{NAME}", ["package.xml", "LICENSE"]),
        *shared_files("config"),
        *shared_files("launch"),
        *wheel_files(),
    ],
    # no versions: packaging/requirements pins them, and a site may have its own build of torch
    install_requires=[
        "Jinja2", "matplotlib", "numpy", "pillow", "pydantic>=2", "PyYAML", "rosbags",
        "safetensors", "torch", "tqdm",
    ],
    extras_require={"test": ["pytest"]},  # without it `colcon test` runs unittest: no tests
    entry_points={
        "console_scripts": [
            "comparison_node = pd_ros.commands.comparison_node:main",
            "detector_node = pd_ros.commands.node:main",
            "evaluate = pd_ros.commands.evaluate:main",
            "evaluate_recording = pd_ros.evaluate_recording.__main__:main",
            "inspect_cloud = pd_ros.inspect_cloud.__main__:main",
            "live_bag = pd_ros.ros.bag.live_bag:main",
            "live_replay = pd_ros.ros.tools.live_replay:main",
            "pd_ros = pd_ros.__main__:main",
            "replay = pd_ros.replay.__main__:main",
        ],
    },
    cmdclass={"install_scripts": InstallScripts, "develop": Develop},
    python_requires=">=3.11",
)  # fmt: skip
