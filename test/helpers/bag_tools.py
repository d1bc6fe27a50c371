"""Recordings to play, and a shell in which `ros2 bag` is a stand-in."""

import os
import sys
from pathlib import Path

from rosbags.rosbag2 import StoragePlugin, Writer
from small_recording import STAMP, STEP_NS, STORE, a_car, drive

from pd_ros.recordings.bag import DETECTIONS, POINT_CLOUD
from pd_ros.recordings.detections import detection_array

# a service with an empty request, as rosbag2_interfaces/srv/Resume has it
INTERFACES = "from lifecycle_msgs.srv import GetState as Resume\n"
HERE = Path(__file__).resolve().parent


def shell(folder: Path) -> dict[str, str]:
    """An environment with a program ros2 and the module rosbag2_interfaces."""
    (folder / "rosbag2_interfaces").mkdir(parents=True)
    (folder / "rosbag2_interfaces" / "__init__.py").touch()
    (folder / "rosbag2_interfaces" / "srv.py").write_text(INTERFACES)
    program = folder / "ros2"
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{HERE / "ros2_bag.py"}" "$@"\n')
    program.chmod(0o755)
    paths = [str(folder), str(HERE.parents[1]), os.environ.get("PYTHONPATH", "")]
    return {
        **os.environ,
        "PATH": f"{folder}:{os.environ['PATH']}",
        "PYTHONPATH": ":".join(filter(None, paths)),
        "OMP_NUM_THREADS": "1",
    }


def write_drive(path: Path, count: int, topic: str, *answers: str) -> Path:
    """Clouds at 10 Hz, and what an earlier detector may have published on these topics."""
    with Writer(path, version=9, storage_plugin=StoragePlugin.MCAP) as writer:
        clouds = writer.add_connection(topic, POINT_CLOUD, typestore=STORE)
        others = [writer.add_connection(name, DETECTIONS, typestore=STORE) for name in answers]
        for number, message in enumerate(drive(count)):
            at_ns = STAMP + number * STEP_NS
            writer.write(clouds, at_ns, STORE.serialize_cdr(message, POINT_CLOUD))
            old = detection_array(STORE, at_ns, a_car(), "old")
            for connection in others:
                writer.write(connection, at_ns, STORE.serialize_cdr(old, DETECTIONS))
    return path
