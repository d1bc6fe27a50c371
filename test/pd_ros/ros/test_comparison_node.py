"""The comparison node beside the real detector node over real DDS, and what its end does to it."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import numpy as np
import pytest

pytest.importorskip("rclpy", reason="rclpy is not installed: see packaging/")
pytest.importorskip("vision_msgs.msg", reason="vision_msgs is not installed: see packaging/")

from diagnostic_msgs.msg import DiagnosticArray
from live_node import Client, cloud, heard, running_node
from patience import PATIENCE_S, ending
from visualization_msgs.msg import MarkerArray

from pd_ros.recordings.bag import open_recording
from pd_ros.runtime.diagnostics.status import Level

NAMESPACE = f"/test_comparison_{os.getpid()}"
MODULE = "pd_ros.comparison_node"


class Listener(Client):
    """A client that hears the comparison, too."""

    def __init__(self, namespace: str) -> None:
        super().__init__(namespace)
        self.comparisons: list[DiagnosticArray] = []
        self.colours: list[MarkerArray] = []
        listen = self.create_subscription
        topic = "lidar_comparison/comparison"
        listen(DiagnosticArray, topic, self._keep(self.comparisons), 50)
        listen(MarkerArray, "lidar_comparison/markers", self._keep(self.colours), 50)

    def send_until_answered(self, first: int, count: int) -> list[int]:
        """Send clouds, ten a second, until so many of them are answered; returns their stamps."""
        for stamp in range(first, first + int(10 * PATIENCE_S)):
            self.send(cloud(some_points(stamp), stamp))
            time.sleep(0.1)
            answered = [a.header.stamp.sec for a in self.answers if a.header.stamp.sec >= first]
            if len(answered) >= count:
                return answered
        raise AssertionError("too few were answered")

    def ask_until(self, first: int, look):
        """Send clouds until ``look`` finds something; the first may come before all listen."""
        end_s = time.monotonic() + PATIENCE_S
        for stamp in range(first, first + 10_000):
            self.send(cloud(some_points(stamp), stamp))
            if found := look():
                return found
            assert time.monotonic() < end_s, "nothing came"
            time.sleep(0.05)
        raise AssertionError


def some_points(seed: int) -> np.ndarray:
    points = np.random.default_rng(seed).uniform(-7, 7, (400, 4)).astype(np.float32)
    points[:, 2] = np.clip(points[:, 2], -2.5, 0.5)
    points[:, 3] = 0.5
    return points


# The real node, but its teacher never comes to an end with a cloud.
HANGING = (
    "import time; from pd_ros import comparison_node;"
    " from pd_ros.runtime.comparison import comparison;"
    " comparison.ComparedTeacher.compare = lambda *_: time.sleep(1e6);"
    " raise SystemExit(comparison_node.main())"
)


@contextmanager
def comparing(
    namespace: str, checkpoint, *arguments: str, program: Sequence[str] = ("-m", MODULE)
) -> Iterator[subprocess.Popen]:
    """Run the comparison node; here it is only made sure that it ends."""
    command = [sys.executable, *program, "--ros-args"]
    command += ["-r", f"__ns:={namespace}", "-p", f"teacher.checkpoint:={checkpoint}"]
    command += ["-p", "diagnostics.period:=0.2", "-p", "every:=1", "-p", "process.nice:=0"]
    command += arguments
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    process = subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True)
    with ending(process):
        try:
            yield process
        finally:  # killed, it might leave shared memory that is in use
            process.send_signal(signal.SIGINT)
            process.communicate(timeout=PATIENCE_S)


@pytest.fixture(scope="module")
def client(context, checkpoint):
    with running_node(NAMESPACE, checkpoint), heard(Listener(NAMESPACE)) as client:
        yield client


def test_a_teacher_of_the_same_weights_agrees_and_says_so(client, checkpoint) -> None:
    with comparing(NAMESPACE, checkpoint) as process:
        array = client.ask_until(1000, lambda: client.comparisons and client.comparisons[-1])
        stamp = array.header.stamp.sec
        assert stamp >= 1000
        assert array.header.frame_id == "lidar_top"
        assert [status.name for status in array.status] == ["car", "pedestrian"]
        values = [{item.key: item.value for item in s.values} for s in array.status]
        assert sum(int(v["matched"]) for v in values) > 0
        assert all((v["missed"], v["extra"]) == ("0", "0") for v in values)
        assert any("0-20 m: mean BEV IoU" in v for v in values)
        groups = client.wait(lambda: client.colours)[-1].markers
        assert {marker.ns for marker in groups[1:]} == {"agreed/boxes", "agreed/text"}
        ok = bytes([Level.OK.value])
        (good, *_) = client.ask_until(
            2000, lambda: [s for s in client.judgements if s.level == ok]
        )
        assert good.name == f"{NAMESPACE[1:]}/lidar_comparison: comparison"
        process.send_signal(signal.SIGINT)
        _, log = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 0, log
    assert "Traceback" not in log


def test_what_the_student_leaves_out_is_missed_warned_of_and_recorded(
    context, checkpoint, tmp_path
) -> None:
    folder, namespace = tmp_path / "kept", f"{NAMESPACE}_silent"
    silence = ("-p", "postprocess.score_threshold.default:=1.0")
    arguments = ["-p", f"record.folder:={folder}", "-p", "record.count:=3"]
    with (
        running_node(namespace, checkpoint, *silence),
        comparing(namespace, checkpoint, *arguments),
        heard(Listener(namespace)) as client,
    ):
        client.ask_until(3000, lambda: [s for s in client.judgements if "misses" in s.message])
        client.ask_until(4000, lambda: len(list(folder.glob("*.mcap"))) == 3)
    for path in folder.glob("*.mcap"):
        with open_recording(path) as recording:
            assert recording.count("/points") == recording.count("/teacher/detections") == 1


def answers_all(client: Listener, first: int) -> None:
    """The student answers every cloud, and thinks itself well."""
    stamps = list(range(first, first + 30))
    for stamp in stamps:
        client.ask(cloud(some_points(stamp), stamp))
    answered = [answer.header.stamp.sec for answer in client.answers]  # to others before, too
    assert [stamp for stamp in answered if stamp in stamps] == stamps
    client.statuses.clear()
    ok = bytes([Level.OK.value])
    client.ask_until(first + 1000, lambda: [s for s in client.statuses if s.level == ok])


def test_the_end_of_the_teacher_changes_nothing_for_the_student(client, checkpoint) -> None:
    client.comparisons.clear()
    with comparing(NAMESPACE, checkpoint) as process:
        client.ask_until(10_000, lambda: client.comparisons)
        process.send_signal(signal.SIGKILL)
        # Fast DDS may lose what it was delivering to a process that dies, also for others.
        answered = client.send_until_answered(15_000, 30)
        assert answered[-1] - answered[0] < 60
        answers_all(client, 17_000)


def test_a_teacher_that_hangs_changes_nothing_for_the_student(client, checkpoint) -> None:
    client.judgements.clear()
    limit = ("-p", "limits.teacher_time:=0.5")
    with comparing(NAMESPACE, checkpoint, *limit, program=("-c", HANGING)):
        client.ask_until(
            20_000, lambda: [s for s in client.judgements if "one cloud" in s.message]
        )
        answers_all(client, 25_000)


def test_clouds_of_another_kind_are_the_students_to_reject(client, checkpoint) -> None:
    """A cloud that nobody answers is never compared; the next good one is."""
    with comparing(NAMESPACE, checkpoint):
        client.comparisons.clear()
        client.ask_until(30_000, lambda: client.comparisons)
        broken = cloud(some_points(0), 31_000)
        broken.fields = broken.fields[:2]
        client.send(broken)
        client.send(b"\x00\x01\x00")
        stamps = client.ask_until(
            32_000,
            lambda: [s for a in client.comparisons if (s := a.header.stamp.sec) >= 32_000],
        )
        assert 31_000 not in {a.header.stamp.sec for a in client.comparisons}
        assert stamps


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["-p", "teacher.checkpoint:=/no/such.safetensors"], "no such checkpoint"),
        (["-p", "classes:=cat"], "classes: expected some of the teacher's"),
        (["-p", "every:=0"], "parameter every"),
        (["-p", "input.reliability:=auto"], "expected one of best_effort, reliable"),
        (["-p", "limits.recal:=0.5"], "did you mean limits.recall"),
        (["-p", "recall:=0.5"], "recall: no such parameter; did you mean limits.recall"),
        (["-p", "limits.recall:=.nan"], "limits.recall out of range"),
    ],
    ids=["checkpoint", "classes", "range", "choice", "typo", "no group", "NaN"],
)
def test_a_bad_start_has_one_clear_line_and_exit_code_1(checkpoint, arguments, message) -> None:
    with comparing(f"{NAMESPACE}_bad", checkpoint, *arguments) as process:
        _, log = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 1
    assert message in log
    assert "Traceback" not in log
