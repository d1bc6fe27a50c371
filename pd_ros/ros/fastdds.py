"""The Fast DDS profile that ships: shared memory with room for point clouds."""

import os
import re
import sys
import time
from pathlib import Path

PROFILE_VARIABLE = "FASTRTPS_DEFAULT_PROFILES_FILE"
_PROFILE = Path("config", "dds", "fastdds_shm.xml")


def use_shared_memory_profile() -> None:
    """Choose the profile for this process and its children, unless one is chosen already.

    Only Fast DDS reads the variable, and only before ``rclpy.init``; the RMW stays as it is.
    """
    profile = find_profile()
    if profile is not None:
        os.environ.setdefault(PROFILE_VARIABLE, str(profile))


def find_profile() -> Path | None:
    """The profile's file, in the checkout or in the share folder of an installation."""
    prefixes = os.environ.get("AMENT_PREFIX_PATH", "").split(os.pathsep)
    shares = [Path(prefix) / "share" / "pd_ros" for prefix in prefixes if prefix]
    checkout = Path(__file__).resolve().parents[2]
    places = [folder / _PROFILE for folder in (checkout, *shares)]
    return next((place for place in places if place.is_file()), None)


SHARED_MEMORY = Path("/dev/shm")  # where Fast DDS has them on Linux
_PORT = re.compile(r"fastrtps_port\d+")  # of locks the names go on
_WORD = 4  # bytes
_READY = 2  # the first word of a segment of boost::interprocess: 0 untouched, 1 begun, 2 ready
_MAKING_S = 5.0  # it takes microseconds


def free_ports(program: str) -> None:
    """Remove unfinished ports, and say so in the name of a program; before it joins ROS."""
    for path in remove_unfinished_ports():
        sys.stderr.write(
            f"{program}: removed {path}, left unfinished by a process that was killed\n"
        )


def remove_unfinished_ports(folder: Path = SHARED_MEMORY) -> list[Path]:
    """Remove ports that nobody is making any more; returns their files.

    One that was begun in the last five seconds is waited for. What other users own stays. Where
    there is no such folder, there is nothing to remove.
    """
    ports = [path for path in folder.glob("fastrtps_port*") if _PORT.fullmatch(path.name)]
    return [path for path in ports if _is_left_behind(path) and _unlinked(path)]


def _is_left_behind(path: Path) -> bool:
    while _is_unfinished(path):
        try:
            age_s = time.time() - path.stat().st_mtime
        except FileNotFoundError:
            return False
        if not 0 <= age_s < _MAKING_S:  # a clock that was set back is no reason to wait
            return True
        time.sleep(0.05)
    return False


def _is_unfinished(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            word = file.read(_WORD)
    except OSError:  # removed meanwhile, or another user's
        return False
    return len(word) < _WORD or int.from_bytes(word, sys.byteorder) < _READY


def _unlinked(path: Path) -> bool:
    try:
        path.unlink()
    except OSError:
        return False
    return True
