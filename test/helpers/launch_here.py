"""The launch files run by the real launch, on programs that are the real ones or stand-ins."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from patience import PATIENCE_S

ROOT = Path(__file__).resolve().parents[2]
LAUNCH = ROOT / "launch"
# What `ros2 launch` does with a file and its arguments.
_RUN = """
import sys
from launch import LaunchDescription, LaunchService
from launch.actions import IncludeLaunchDescription
from launch.launch_description_sources import PythonLaunchDescriptionSource

file, *given = sys.argv[1:]
arguments = [tuple(text.split(":=", 1)) for text in given]
source = PythonLaunchDescriptionSource(file)
service = LaunchService(argv=given)
service.include_launch_description(
    LaunchDescription([IncludeLaunchDescription(source, launch_arguments=arguments)])
)
sys.exit(service.run())
"""


def install(folder: Path, **programs: str) -> Path:
    """An installed package pd_ros of these programs (name: text of a shell script)."""
    index = folder / "share" / "ament_index" / "resource_index" / "packages"
    scripts = folder / "lib" / "pd_ros"
    for place in (index, scripts):
        place.mkdir(parents=True)
    (index / "pd_ros").touch()
    for name, text in programs.items():
        path = scripts / name
        path.write_text(f"#!/bin/sh\n{text}\n")
        path.chmod(0o755)
    return folder


def real(module: str) -> str:
    """The text of a script that is one of the package's programs."""
    return f'exec "{sys.executable}" -m {module} "$@"'


def environment(prefix: Path, **more: str) -> dict[str, str]:
    """As a shell has it in which the package is installed and sourced."""
    prefixes = [str(prefix), os.environ.get("AMENT_PREFIX_PATH", "")]
    paths = [str(ROOT), os.environ.get("PYTHONPATH", "")]
    return {
        **os.environ,
        "AMENT_PREFIX_PATH": ":".join(filter(None, prefixes)),
        "PYTHONPATH": ":".join(filter(None, paths)),
        "OMP_NUM_THREADS": "1",
        "ROS_LOG_DIR": str(prefix / "log"),
        **more,
    }


@contextmanager
def launching(
    file: Path, arguments: Sequence[str], variables: dict[str, str]
) -> Iterator["subprocess.Popen[str]"]:
    """Run a launch file; SIGINT ends it, and nothing that it started is left."""
    process = subprocess.Popen(
        [sys.executable, "-c", _RUN, str(file), *arguments],
        env=variables, text=True, start_new_session=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    try:
        yield process
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
        process.communicate(timeout=PATIENCE_S)
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait(PATIENCE_S)
        process.stdout.close()  # a node in a group of its own may still hold the other end


def launched(file: Path, arguments: Sequence[str], variables: dict[str, str]) -> tuple[int, str]:
    """Run a launch file that ends by itself; its exit code and what it wrote."""
    with launching(file, arguments, variables) as process:
        output, _ = process.communicate(timeout=PATIENCE_S)
    return process.returncode, output
