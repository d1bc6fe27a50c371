"""What every command does alike between its options and its exit code.

0: it did what was asked; 1: it did, and what it looked at is not as it should be; 2: an option or
a file has to be corrected, which is said in one line; 130 and 143: it was stopped by Ctrl-C or by
SIGTERM.
"""

import io
import logging
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType


class Terminated(KeyboardInterrupt):
    """SIGTERM came. Whatever is closed and tidied up on Ctrl-C is so on this, too."""


def run_command(
    name: str, command: Callable[[], str | int | None], log: logging.Logger | None = None
) -> int:
    """Run a command; returns its exit code.

    ``command`` returns what is to be printed, or an exit code, or nothing. ``ValueError`` and
    ``OSError`` are the user's to correct; they go to ``log`` where there is one, which is then set
    up to write plain lines to the standard error, else there after ``name``.
    """
    if log is not None:
        logging.basicConfig(level=logging.INFO, format="%(message)s")
    if isinstance(sys.stdout, io.TextIOWrapper):  # names of files need not be text
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        with _raising_terminated():
            result = command()
            if isinstance(result, str):
                sys.stdout.write(result + "\n")
                result = 0
            return result or 0
    except (ValueError, OSError) as error:
        if log is None:
            sys.stderr.write(f"{name}: {error}\n")
        else:
            log.error("%s", error)
        return 2
    except Terminated:
        return 128 + signal.SIGTERM
    except KeyboardInterrupt:
        return 128 + signal.SIGINT


@contextmanager
def _raising_terminated() -> Iterator[None]:
    """Answer SIGTERM with ``Terminated``, unless somebody else answers it already."""
    taken = (
        threading.current_thread() is threading.main_thread()
        and signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
    )
    if taken:
        signal.signal(signal.SIGTERM, _terminate)
    try:
        yield
    finally:
        if taken:
            signal.signal(signal.SIGTERM, signal.SIG_DFL)


def _terminate(_number: int, _frame: FrameType | None) -> None:
    raise Terminated
