"""The real nodes as processes of their own, for commands that try them."""

import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from pd_ros.process.parent_death import ending_with_parent

_STOP_S = 60.0
_LOOK_S = 0.05


@contextmanager
def node_process(
    namespace: str, arguments: Sequence[str], module: str = "pd_ros.node"
) -> Iterator["subprocess.Popen[bytes]"]:
    """Run a node in a namespace with further arguments of ROS; SIGINT ends it.

    So does the end of this process, also where that is killed.

    Raises ``TimeoutError`` if it does not end, and ``ValueError`` if its exit code is not 0.
    """
    command = [sys.executable, "-m", module, "--ros-args", "-r", f"__ns:={namespace}"]
    process = subprocess.Popen(ending_with_parent([*command, *arguments]))
    try:
        yield process
    finally:
        process.send_signal(signal.SIGINT)
        try:
            code = process.wait(_STOP_S)
        except subprocess.TimeoutExpired:
            process.kill()
            raise TimeoutError(f"{module}: did not end within {_STOP_S} s of SIGINT") from None
    if code != 0:
        raise ValueError(
            f"{module}: expected exit code 0 after SIGINT, got {code}; see its log above"
        )


def wait_until(
    is_heard: Callable[[], bool], process: "subprocess.Popen[bytes]", timeout_s: float
) -> None:
    """Wait until the node of a process listens and answers.

    Raises ``ValueError`` if it ends before, and ``TimeoutError`` if that takes too long.
    """
    end_s = time.monotonic() + timeout_s
    while not is_heard():
        if process.poll() is not None:
            raise ValueError(
                f"node: ended with exit code {process.returncode} at its start; see its log above"
            )
        if time.monotonic() > end_s:
            raise TimeoutError(f"node: expected it to listen within {timeout_s} s, it does not")
        time.sleep(_LOOK_S)
