"""The real node as a process of its own, for commands that try it."""

import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

_STOP_S = 60.0


@contextmanager
def node_process(namespace: str, arguments: Sequence[str]) -> Iterator["subprocess.Popen[bytes]"]:
    """Run the node in a namespace with further arguments of ROS; SIGINT ends it.

    Raises ``TimeoutError`` if it does not end, and ``ValueError`` if its exit code is not 0.
    """
    command = [sys.executable, "-m", "pd_ros.node", "--ros-args", "-r", f"__ns:={namespace}"]
    process = subprocess.Popen([*command, *arguments])
    try:
        yield process
    finally:
        process.send_signal(signal.SIGINT)
        try:
            code = process.wait(_STOP_S)
        except subprocess.TimeoutExpired:
            process.kill()
            raise TimeoutError(f"node: did not end within {_STOP_S} s of SIGINT") from None
    if code != 0:
        raise ValueError(f"node: expected exit code 0 after SIGINT, got {code}; see its log above")
