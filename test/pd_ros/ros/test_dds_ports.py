"""Ports in shared memory that a killed process leaves, and a node that starts nevertheless."""

import os
import struct
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from patience import PATIENCE_S

from pd_ros.ros.fastdds import SHARED_MEMORY, remove_unfinished_ports

LONG_AGO = 1e9


def port(folder: Path, name: str, content: bytes, changed: float | None = LONG_AGO) -> Path:
    path = folder / name
    path.write_bytes(content)
    if changed is not None:
        os.utime(path, (changed, changed))
    return path


@pytest.mark.parametrize("content", [b"", bytes(1), bytes(52_400), struct.pack("=I", 1) + b"x"])
def test_what_was_left_unfinished_is_removed(tmp_path, content) -> None:
    path = port(tmp_path, "fastrtps_port7001", content)
    assert remove_unfinished_ports(tmp_path) == [path]
    assert not path.exists()


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("fastrtps_port7001", struct.pack("=I", 2) + bytes(100)),  # ready
        ("fastrtps_port7001", struct.pack("=I", 3) + bytes(100)),  # said to be bad: nobody waits
        ("fastrtps_port7001_el", b""),  # a lock
        ("fastrtps_8f3a", b""),  # not a port
    ],
)
def test_all_else_stays(tmp_path, name, content) -> None:
    path = port(tmp_path, name, content)
    assert remove_unfinished_ports(tmp_path) == []
    assert path.exists()


def test_a_port_that_is_being_made_is_waited_for(tmp_path) -> None:
    path = port(tmp_path, "fastrtps_port7001", bytes(8), changed=None)
    ready = threading.Timer(0.3, path.write_bytes, [struct.pack("=I", 2) + bytes(4)])
    ready.start()
    assert remove_unfinished_ports(tmp_path) == []
    ready.join()
    assert path.exists()


def test_one_that_is_removed_meanwhile_is_nobodys(tmp_path) -> None:
    path = port(tmp_path, "fastrtps_port7001", bytes(8), changed=None)
    gone = threading.Timer(0.3, path.unlink)
    gone.start()
    assert remove_unfinished_ports(tmp_path) == []
    gone.join()


def test_no_folder_no_ports(tmp_path) -> None:
    assert remove_unfinished_ports(tmp_path / "none") == []


@pytest.mark.skipif(not SHARED_MEMORY.is_dir(), reason="no shared memory as files")
def test_a_node_starts_beside_the_ports_of_a_killed_process(tmp_path, checkpoint) -> None:
    """Without their removal it would wait for the first of them, without end."""
    pytest.importorskip("rclpy", reason="rclpy is not installed: see packaging/")
    pytest.importorskip("vision_msgs.msg", reason="vision_msgs is not installed: see packaging/")

    domain = 101  # nobody else's
    first = 7400 + 250 * domain
    ports = [
        port(SHARED_MEMORY, f"fastrtps_port{number}", bytes(52_400))
        for number in range(first, first + 16)
    ]
    command = [sys.executable, "-m", "pd_ros.node", "--ros-args"]
    command += ["-p", f"model.checkpoint:={tmp_path / 'none.safetensors'}"]
    environment = {**os.environ, "ROS_DOMAIN_ID": str(domain)}
    try:
        ended = subprocess.run(
            command,
            env=environment,
            check=False,
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
        )
    finally:
        for path in ports:
            path.unlink(missing_ok=True)
    assert ended.stderr.count("left unfinished by a process that was killed") == len(ports)
    assert "none.safetensors" in ended.stderr
