"""The clouds worth keeping: bounded, the largest first, and whole whatever happens."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from patience import ending, read_until
from small_recording import STORE, cloud_message, cloud_points

from pd_ros.recordings.bag import POINT_CLOUD, open_recording
from pd_ros.recordings.sources import open_source
from pd_ros.runtime.comparison.disagreement_store import DisagreementStore, StoredMessage

CLOUD = bytes(STORE.serialize_cdr(cloud_message(5_000_000_007, cloud_points(50)), POINT_CLOUD))
MESSAGE = (StoredMessage("/points", POINT_CLOUD, CLOUD),)


def kept(store: DisagreementStore) -> list[float]:
    return [float(path.name.split("_")[0]) for path in store.files]


def test_the_largest_stay(tmp_path) -> None:
    store = DisagreementStore(tmp_path, 3, 10**9)
    took = [store.offer(value, number, MESSAGE) for number, value in enumerate([2, 5, 1, 3, 1.5])]
    assert took == [True, True, True, True, False]
    assert kept(store) == [5, 3, 2]
    assert sorted(store.files) == sorted(tmp_path.iterdir())


def test_bytes_are_bounded_too(tmp_path) -> None:
    store = DisagreementStore(tmp_path, 100, 10**9)
    store.offer(1, 1, MESSAGE)
    size = store.files[0].stat().st_size
    store = DisagreementStore(tmp_path, 100, 2 * size + size // 2)
    for number in range(2, 9):
        store.offer(number, number, MESSAGE)
    assert kept(store) == [8, 7]
    assert not DisagreementStore(tmp_path / "tiny", 100, 10).offer(9, 9, MESSAGE)


def test_a_new_run_goes_on_with_what_is_there(tmp_path) -> None:
    store = DisagreementStore(tmp_path, 3, 10**9)
    for number in range(3):
        store.offer(number + 0.25, number, MESSAGE)
    (tmp_path / "notes.txt").write_text("mine")
    (tmp_path / ".unfinished-x").mkdir()
    again = DisagreementStore(tmp_path, 2, 10**9)
    assert kept(again) == [2.25, 1.25]
    assert sorted(p.name for p in tmp_path.iterdir() if p.suffix != ".mcap") == ["notes.txt"]
    assert not again.offer(1.0, 9, MESSAGE)


def test_each_is_a_recording_with_its_cloud(tmp_path) -> None:
    store = DisagreementStore(tmp_path, 3, 10**9)
    store.offer(1.0, 5_000_000_007, MESSAGE)
    (path,) = store.files
    with open_recording(path) as recording:
        assert recording.topics == {"/points": POINT_CLOUD}
    (sweep,) = open_source(path, None, 1.0, None, True).sweeps()
    assert sweep.frame == "5000000007"
    assert len(sweep.points) == 50


def test_the_same_stamp_and_disagreement_is_one_file(tmp_path) -> None:
    store = DisagreementStore(tmp_path, 3, 10**9)
    assert [store.offer(1.0, 7, MESSAGE) for _ in range(2)] == [True, True]
    assert len(store.files) == 1


def test_a_failing_write_leaves_nothing(tmp_path) -> None:
    store = DisagreementStore(tmp_path, 3, 10**9)
    with pytest.raises(Exception, match="no_such"):
        store.offer(1.0, 7, (StoredMessage("/x", "no_such/msg/Type", b""),))
    assert list(tmp_path.iterdir()) == []


KILLED = """
import sys, time
from pathlib import Path
from pd_ros.recordings.mcap import writing_mcap
with writing_mcap(Path(sys.argv[1])) as writer:
    print("writing", flush=True)
    time.sleep(600)
"""


def test_a_process_killed_while_it_writes_leaves_no_half_file(tmp_path) -> None:
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[4])}
    path = tmp_path / "00001.000_7.mcap"
    process = subprocess.Popen(
        [sys.executable, "-c", KILLED, str(path)], env=environment, stdout=subprocess.PIPE
    )
    with ending(process):
        read_until(process, process.stdout, "writing\n")
    assert not path.exists()
    assert DisagreementStore(tmp_path, 3, 10**9).files == []
    assert list(tmp_path.iterdir()) == []
