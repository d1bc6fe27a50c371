"""Run a command between its options and its exit code: errors, Ctrl-C, output.

0: it did what was asked; 1: it did, and what it looked at is not as it should be; 2: an option or
a file has to be corrected, which is said in one line; 130 and 143: it was stopped by Ctrl-C or by
SIGTERM.
"""

import io
import logging
import signal
import sys
from collections.abc import Callable

from pd_ros.process.stop_signals import Terminated, ending_tidily


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
        with ending_tidily():
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
    except Terminated as stop:
        return stop.exit_code
    except KeyboardInterrupt:
        return 128 + signal.SIGINT
