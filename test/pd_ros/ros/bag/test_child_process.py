"""Programs beside a command: they end as told, and by force where they do not."""

import pytest
from patience import wait_until

from pd_ros.ros.bag.child_process import ChildProcess

FOREVER = "while :; do sleep 0.05; done"


def test_one_that_listens_ends_itself(tmp_path) -> None:
    mark = tmp_path / "mark"
    script = f'trap "echo done > {mark}; exit 4" INT; touch {mark}.on; {FOREVER}'
    child = ChildProcess("it", ["sh", "-c", script])
    wait_until((tmp_path / "mark.on").exists, "the program to begin")
    child.check()
    assert child.end(60.0)
    assert child.exit_code == 4
    assert mark.read_text() == "done\n"
    assert child.end(60.0)  # once more is harmless


def test_one_that_does_not_is_killed(tmp_path) -> None:
    child = ChildProcess("it", ["sh", "-c", f'trap "" INT; touch {tmp_path}/on; {FOREVER}'])
    wait_until((tmp_path / "on").exists, "the program to begin")
    assert not child.end(0.2)
    assert child.exit_code == -9
    with pytest.raises(ValueError, match="it: ended too early with exit code -9"):
        child.check()


def test_a_program_that_is_not_there_is_named() -> None:
    with pytest.raises(ValueError, match="it: expected the program /no/such, starting it fails"):
        ChildProcess("it", ["/no/such"])
