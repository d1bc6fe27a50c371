"""Programs that a command runs beside itself, and ends."""

import contextlib
import os
import signal
import subprocess
from collections.abc import Sequence

from pd_ros.process.parent_death import ending_with_parent

_KILL_S = 5.0


class ChildProcess:
    """A program in a process group of its own: Ctrl-C in the shell reaches it only from here.

    It ends with this process, also where that is killed. Raises ``ValueError`` where there is no
    such program.
    """

    def __init__(self, name: str, command: Sequence[str]) -> None:
        self.name = name
        try:
            self._process = subprocess.Popen(
                ending_with_parent(command), start_new_session=True, stdin=subprocess.DEVNULL
            )
        except OSError as error:
            raise ValueError(
                f"{name}: expected the program {command[0]}, starting it fails: {error}; install"
                " it, or source ROS's setup.bash"
            ) from None

    @property
    def exit_code(self) -> int | None:
        """None while it runs."""
        return self._process.poll()

    def check(self) -> None:
        """Raise ``ValueError`` if it has ended."""
        if self.exit_code is not None:
            raise ValueError(
                f"{self.name}: ended too early with exit code {self.exit_code}; see its log above"
            )

    def end(self, patience_s: float) -> bool:
        """End it as Ctrl-C does, by force only after a while; returns whether it ended itself."""
        self._send(signal.SIGINT)
        try:
            self._process.wait(patience_s)
        except subprocess.TimeoutExpired:
            self._send(signal.SIGKILL)
            self._process.wait(_KILL_S)
            return False
        return True

    def _send(self, number: int) -> None:
        if self.exit_code is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, number)
