"""Waits that end: each says what it waited for, and what was started is not left running."""

import os
import select
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import IO, Any

PATIENCE_S = 180.0  # a busy machine is no failure
_LOOK_S = 0.02


def wait_until(
    look: Callable[[], Any],
    what: str,
    process: "subprocess.Popen[Any] | None" = None,
    patience_s: float = PATIENCE_S,
) -> Any:
    """Look until there is something, and return it; the test fails where ``process`` ends first.

    ``what``: what is waited for, as "a file".
    """
    end_s = time.monotonic() + patience_s
    while not (found := look()):
        if process is not None:
            code = process.poll()
            assert code is None, f"expected {what}, {process.args} ended with exit code {code}"
        assert time.monotonic() < end_s, f"expected {what} within {patience_s} s"
        time.sleep(_LOOK_S)
    return found


def read_until(
    process: "subprocess.Popen[Any]",
    stream: IO[Any],
    text: str,
    patience_s: float = PATIENCE_S,
) -> str:
    """Read what a process says until ``text`` is in it, and return all of it.

    What comes after that is left to ``communicate``. Not by ``readline``, which waits as long as
    the process lives, and at its end gives empty lines for ever.
    """
    said, end_s = b"", time.monotonic() + patience_s
    while text.encode() not in said:
        ready, _, _ = select.select([stream], [], [], max(0.0, end_s - time.monotonic()))
        part = os.read(stream.fileno(), 1 << 16) if ready else b""
        why = "it said no more" if ready else f"it did not within {patience_s} s"
        assert part, f"expected {process.args} to say {text!r}, {why} than\n{said.decode()}"
        said += part
    return said.decode()


@contextmanager
def ending(process: "subprocess.Popen[Any]") -> Iterator["subprocess.Popen[Any]"]:
    """Kill a process at the end, and close its pipes, whoever else still holds them."""
    try:
        yield process
    finally:
        process.kill()
        process.wait(PATIENCE_S)
        for pipe in (process.stdout, process.stderr):
            if pipe is not None:
                pipe.close()
