"""The Fast DDS profile that ships: shared memory with room for point clouds."""

import os
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
    checkout = Path(__file__).resolve().parent.parent
    places = [folder / _PROFILE for folder in (checkout, *shares)]
    return next((place for place in places if place.is_file()), None)
