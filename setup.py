"""What of pd_ros is installed, and where; colcon and pip both read it.

The training package and the tests stay in the checkout.
"""

import sys
from pathlib import Path

from setuptools import setup

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
    """What only pip needs: it puts commands into bin, where ROS does not look for nodes.

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


setup(
    name=NAME,
    version="0.1.0",
    description="3D boxes from LiDAR clouds: a small distilled detector as a ROS 2 lifecycle node",
    maintainer="pd_ros maintainers",
    maintainer_email="maintainers@pd-ros.invalid",
    license="Apache-2.0",
    packages=packages(),
    package_data={NAME: ["weights/*.safetensors", "replay/templates/*"]},
    data_files=[
        ("share/ament_index/resource_index/packages", [f"resource/{NAME}"]),
        (f"share/{NAME}", ["package.xml"]),
        *shared_files("config"),
        *shared_files("launch"),
        *wheel_files(),
    ],
    # no versions: packaging/requirements pins them, and a site may have its own build of torch
    install_requires=[
        "Jinja2", "matplotlib", "numpy", "pydantic>=2", "PyYAML", "rosbags", "safetensors",
        "torch", "tqdm",
    ],
    extras_require={"test": ["pytest"]},  # without it `colcon test` runs unittest: no tests
    entry_points={
        "console_scripts": [
            "comparison_node = pd_ros.comparison_node:main",
            "detector_node = pd_ros.node:main",
            "evaluate = pd_ros.evaluate:main",
            "evaluate_recording = pd_ros.evaluate_recording:main",
            "inspect_cloud = pd_ros.inspect_cloud:main",
            "live_replay = pd_ros.live_replay:main",
            "replay = pd_ros.replay.__main__:main",
        ],
    },
    python_requires=">=3.11",
)  # fmt: skip
