"""Whether a node that ended is started again; no ROS needed."""

import time
from collections.abc import Callable

DELAY_S = 2.0
_STEADY_S = 60.0  # a node that ran so long had not failed because of how it is started
# Ends that come again however often it is started, and what they are.
_FINAL = {
    0: "it was told to end",
    1: "it cannot work as it is set up, see its log above",
    2: "it does not know one of its arguments, see its log above",
    126: "its program cannot be executed",
    127: "its program was not found",
}


class Respawn:
    """Starts of one node: as many in a row as ``limit``, and none after an end that is final.

    ``clock``: seconds, as ``time.monotonic``.
    """

    def __init__(self, limit: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._limit = limit
        self._clock = clock
        self._began_s = clock()
        self._in_row = 0

    def why_not(self, exit_code: int) -> str:
        """Say why it stays ended after this exit code (negative: a signal); else nothing.

        Where it says nothing, it counts as started again.
        """
        if exit_code in _FINAL:
            return f"exit code {exit_code}: {_FINAL[exit_code]}"
        if self._clock() - self._began_s >= _STEADY_S:
            self._in_row = 0
        if self._in_row >= self._limit:
            return f"exit code {exit_code}, and {self._in_row} starts in a row did not help"
        self._in_row += 1
        self._began_s = self._clock() + DELAY_S
        return ""
