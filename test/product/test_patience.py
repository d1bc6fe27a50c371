"""The waits of these tests end themselves, and say what they waited for."""

import subprocess
import sys

import pytest
from patience import ending, read_until, wait_until


def program(code: str) -> "subprocess.Popen[bytes]":
    return subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE)


def test_what_a_program_says_is_read_up_to_the_words_and_the_rest_is_left() -> None:
    code = "import time; print('a\\nready', flush=True); time.sleep(1); print('b')"
    with ending(program(code)) as process:
        assert read_until(process, process.stdout, "ready\n") == "a\nready\n"
        assert process.communicate(timeout=60)[0] == b"b\n"


@pytest.mark.parametrize(
    ("code", "why"),
    [
        ("print('broken')", "it said no more than\nbroken"),
        ("import time; print('slow', flush=True); time.sleep(600)", "it did not within 2 s"),
    ],
    ids=["ended", "silent"],
)
def test_a_program_that_does_not_say_it_fails_the_test(code, why) -> None:
    with ending(program(code)) as process, pytest.raises(AssertionError, match=why):
        read_until(process, process.stdout, "ready", patience_s=2)
    assert process.poll() is not None


def test_a_program_that_ends_is_not_waited_for() -> None:
    ended = pytest.raises(AssertionError, match=r"expected a file, .* ended with exit code 7")
    with ending(program("raise SystemExit(7)")) as process, ended:
        wait_until(lambda: False, "a file", process)
    with pytest.raises(AssertionError, match=r"expected a file within 0\.1 s"):
        wait_until(lambda: False, "a file", patience_s=0.1)
