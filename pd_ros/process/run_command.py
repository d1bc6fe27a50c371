"""Parse the options of a command and run it: help with examples, errors, Ctrl-C, exit codes."""

import argparse
import errno
import io
import logging
import signal
import sys
import textwrap
from collections.abc import Callable

from pd_ros.process.stop_signals import Terminated, ending_tidily

_WIDTH = 79


def command_parser(module: str, description: str, examples: str) -> argparse.ArgumentParser:
    """Return a parser without options for ``python -m MODULE``.

    ``examples`` are shown line by line as they are. What it does not know it refuses, with exit
    code 2.
    """
    return argparse.ArgumentParser(
        prog=f"python -m {module}",
        description=textwrap.fill(description, _WIDTH),
        epilog=examples,
        formatter_class=DefaultsHelpFormatter,
    )


class DefaultsHelpFormatter(
    argparse.ArgumentDefaultsHelpFormatter, argparse.RawDescriptionHelpFormatter
):
    """Adds the default to each option that has one, unless its help tells it in words."""

    def _get_help_string(self, action: argparse.Action) -> str | None:
        nothing = action.default is None or action.default is False or action.default in ("", [])
        if nothing or "default:" in (action.help or ""):
            return action.help
        return super()._get_help_string(action)


def _describe(problem: Exception) -> str:
    """The text of an error; a full disk does not say itself what to do."""
    full = isinstance(problem, OSError) and problem.errno in (errno.ENOSPC, errno.EDQUOT)
    advice = "; free space on the disk that is written to, or choose another" if full else ""
    return f"{problem}{advice}"


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
    except (ValueError, OSError) as problem:
        error = _describe(problem)
        if log is None:
            sys.stderr.write(f"{name}: {error}\n")
        else:
            log.error("%s", error)
        return 2
    except Terminated as stop:
        return stop.exit_code
    except KeyboardInterrupt:
        return 128 + signal.SIGINT
