"""Children end with their parent, also with one that is killed and can clean up nothing."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from patience import PATIENCE_S, wait_until

from pd_ros.process.parent_death import ending_with_parent

PARENT = """
import subprocess, sys, time
from pd_ros.process.parent_death import ending_with_parent
subprocess.Popen(ending_with_parent(sys.argv[1:]), start_new_session=True)
time.sleep(1000)
"""


def wait_for(path: Path) -> str:
    return wait_until(lambda: path.exists() and path.read_text(), f"something in {path}")


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a child of such a death")
def test_a_child_of_a_killed_parent_may_finish_its_work(tmp_path) -> None:
    begun, done = tmp_path / "begun", tmp_path / "done"
    script = f"trap 'echo whole > {done}; exit' INT; echo $$ > {begun}"
    script += "; while :; do sleep 0.05; done"
    parent = subprocess.Popen([sys.executable, "-c", PARENT, "sh", "-c", script])
    try:
        wait_for(begun)
        assert not done.exists()
        parent.kill()
        parent.wait(PATIENCE_S)
        assert wait_for(done) == "whole\n"
    finally:
        parent.kill()
        if begun.exists() and not done.exists():
            os.kill(int(begun.read_text()), signal.SIGKILL)


def test_the_program_gets_its_own_name_arguments_and_exit_code() -> None:
    script = 'printf \'%s|\' "$0" "$@"; exit 7'
    ran = subprocess.run(
        ending_with_parent(["sh", "-c", script, "name", "two words", "--x"]),
        check=False, stdout=subprocess.PIPE, text=True, timeout=PATIENCE_S,
    )  # fmt: skip
    assert (ran.returncode, ran.stdout) == (7, "name|two words|--x|")


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a child of such a death")
def test_a_parent_that_is_gone_already_starts_nothing(tmp_path) -> None:
    command = ending_with_parent(["touch", str(tmp_path / "made")])
    command[command.index(str(os.getpid()))] = "1"
    assert subprocess.run(command, check=False, timeout=PATIENCE_S).returncode == 0
    assert not (tmp_path / "made").exists()


def test_a_program_that_is_not_there_is_an_error() -> None:
    with pytest.raises(FileNotFoundError, match="/no/such"):
        ending_with_parent(["/no/such"])
