"""SIGINT and SIGTERM from a program's first import to its end: it ends quietly whenever they come.

rclpy listens to them from ``rclpy.init`` on, and that comes after seconds of imports, in whose
midst Python would answer Ctrl-C with a traceback.
"""

import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import NoReturn

_UNANSWERED = (signal.SIG_DFL, signal.default_int_handler)
_STOPPING = (signal.SIGINT, signal.SIGTERM)
_ENDING = (*_STOPPING, signal.SIGHUP)
_AGAIN_S = 0.05
# After a signal: to hear of it, to end then, and to leave ROS by force. launch kills after 5 s.
_HEAR_S, _END_S, _LEAVE_S = 1.0, 3.0, 0.5


def end_at_once_while_importing() -> None:
    """Let Ctrl-C end ``python -m`` at once and quietly, until the command listens itself.

    Python says ``-m`` in the place of the program while it looks for it, which is when it imports
    the packages around it. Nothing changes for programs of others that import these.
    """
    asked = signal.getsignal(signal.SIGINT) is signal.default_int_handler
    if sys.argv[:1] == ["-m"] and asked:
        signal.signal(signal.SIGINT, signal.SIG_DFL)


class Stopped(BaseException):
    """A program was told to stop.

    Not ``KeyboardInterrupt``: where that comes out of Python code that C code runs, as some
    imports have it, Python kills itself by SIGINT at its end, although it was caught.
    """


class StopSignals:
    """Takes both signals over; to be made in a program's first lines, on the main thread.

    A node that ends has done what it was told, and its exit code is 0: launch logs every other
    one as a death, and systemd takes 130 for a failure. A command that was to find something
    out has not (``unfinished``): its exit code is 128 and the signal's number, as shells have it.
    """

    def __init__(self, unfinished: bool) -> None:
        self.told = False
        self.exit_code = 0
        self._unfinished = unfinished
        self._raises = False
        self._heard, self._closed = threading.Event(), threading.Event()
        for number in _STOPPING:
            signal.signal(number, self._stop)

    def raise_from_now_on(self, leave: Callable[[], None] = lambda: None) -> None:
        """Answer with ``Stopped``, for there is something to close now.

        Until then a signal ends the process at once. One in the midst of a later import comes
        again after it. rclpy's own handlers, where they come to be installed, call these.

        Whatever the main thread is at, be it an import of seconds or C code that does not come
        back: the process has ended 4.5 s after a signal, by force if need be. ``leave`` is called
        before that, on another thread.
        """
        self._raises = True
        read, write = os.pipe()
        os.set_blocking(write, False)
        signal.set_wakeup_fd(write, warn_on_full_buffer=False)  # written to before any handler
        threading.Thread(
            target=self._end_in_time, args=(read, leave), name="stop", daemon=True
        ).start()

    def close(self) -> None:
        """Raise no more: what there is to close is being closed."""
        self.told = True

    def ignore(self) -> None:
        """Let what comes now pass: all is closed, and Python takes a while to end."""
        self.close()
        self._closed.set()
        for number in _STOPPING:
            signal.signal(number, signal.SIG_IGN)

    def _stop(self, number: int, frame: FrameType | None) -> None:
        if self.told:
            return  # it is ending; a second Ctrl-C would be a traceback out of that
        if self._raises and _imports(frame):  # C code in it may answer with an abort
            again = threading.Timer(_AGAIN_S, os.kill, (os.getpid(), number))
            again.daemon = True
            again.start()
            return
        self.told = True
        self._heard.set()
        self.exit_code = self._code(number)
        if self._raises:
            raise Stopped
        os._exit(self.exit_code)  # an exception out of an import may be swallowed, or changed

    def _code(self, number: int) -> int:
        return 128 + number if self._unfinished else 0

    def _end_in_time(self, read: int, leave: Callable[[], None]) -> None:
        """Wait for a signal, then for the program's own end; without it, end the process."""
        number = 0
        while number not in _STOPPING:
            (number,) = os.read(read, 1)
        if self._heard.wait(_HEAR_S) and self._closed.wait(_END_S):
            return
        self.told = True
        last = threading.Thread(target=_quietly, args=(leave,), daemon=True)
        last.start()
        last.join(_LEAVE_S)
        if not self._closed.is_set():
            os._exit(self._code(number))


def _quietly(leave: Callable[[], None]) -> None:
    with suppress(Exception):
        leave()


def _imports(frame: FrameType | None) -> bool:
    """Whether a frame is part of an import."""
    while frame is not None:
        if frame.f_code.co_filename.startswith("<frozen importlib"):
            return True
        frame = frame.f_back
    return False


class Terminated(KeyboardInterrupt):
    """A signal told a command to end. What is tidied up on Ctrl-C is so on this, too.

    Where ``KeyboardInterrupt`` itself comes out of code that was compiled at run time, Python ends
    the process by SIGINT although it was caught; not so with what is derived from it.
    """

    def __init__(self, number: int = signal.SIGTERM) -> None:
        super().__init__(number)
        self.exit_code = 128 + number  # as shells have it


@contextmanager
def ending_tidily() -> Iterator[None]:
    """Let Ctrl-C, SIGTERM and a closed terminal end a command alike: by ``Terminated``.

    A second signal changes nothing. What is ignored stays so (nohup), what somebody else answers
    is left to them, and on another thread than the main one nothing changes at all. Before and
    after, signals do what they did.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.getsignal(number) for number in _ENDING}
    before = {number: each for number, each in before.items() if each in _UNANSWERED}

    def end(number: int, _frame: FrameType | None) -> NoReturn:
        for each in before:
            signal.signal(each, signal.SIG_IGN)
        raise Terminated(number)

    for number in before:
        signal.signal(number, end)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
