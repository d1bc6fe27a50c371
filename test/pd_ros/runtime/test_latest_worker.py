"""The mailbox and its thread; events take the place of waiting times."""

import gc
import threading
import weakref

import pytest

from pd_ros.runtime.latest_worker import LatestWorker

WAIT_S = 10.0  # never reached unless the test fails


class Handler:
    """Notes what it gets; can be held inside of an item, and fails for strings."""

    def __init__(self) -> None:
        self.seen: list[object] = []
        self.errors: list[Exception] = []
        self.threads: set[str] = set()
        self.entered, self.go_on, self.done = (threading.Semaphore(0) for _ in range(3))
        self.blocking = False

    def handle(self, item: object) -> None:
        self.seen.append(item)
        self.threads.add(threading.current_thread().name)
        self.entered.release()
        if self.blocking:
            assert self.go_on.acquire(timeout=WAIT_S)
        self.done.release()
        if isinstance(item, str):
            raise RuntimeError(item)

    def report(self, error: Exception) -> None:
        self.threads.add(threading.current_thread().name)
        self.errors.append(error)

    def wait(self, *semaphores: threading.Semaphore) -> None:
        for semaphore in semaphores:
            assert semaphore.acquire(timeout=WAIT_S)


@pytest.fixture
def handler():
    handler = Handler()
    yield handler
    handler.blocking = False
    handler.go_on.release(100)


@pytest.fixture
def worker(handler):
    worker = LatestWorker(handler.handle, handler.report)
    worker.start()
    yield worker
    handler.blocking = False
    handler.go_on.release(100)
    worker.stop()


def test_items_are_handled_one_after_the_other_on_one_other_thread(handler, worker) -> None:
    for number in range(5):
        assert worker.put(number) is False
        handler.wait(handler.done)
    assert handler.seen == [0, 1, 2, 3, 4]
    assert handler.threads == {"detector"}


def test_while_one_is_in_work_only_the_newest_waits(handler, worker) -> None:
    handler.blocking = True
    assert worker.put(0) is False
    handler.wait(handler.entered)
    assert [worker.put(number) for number in (1, 2, 3, 4)] == [False, True, True, True]
    handler.go_on.release(2)
    handler.wait(handler.done, handler.done)
    assert handler.seen == [0, 4]
    assert worker.put(5) is False


def test_every_item_is_handled_or_counted_as_dropped(handler) -> None:
    worker = LatestWorker(handler.handle, handler.report)
    dropped = sum(worker.put(number) for number in range(3))
    worker.start()
    dropped += sum(worker.put(number) for number in range(3, 5000))
    dropped += worker.stop()
    assert len(handler.seen) + dropped == 5000
    assert handler.seen == sorted(set(handler.seen))  # in order, none twice
    assert dropped >= 2


def test_none_and_falsy_items_are_items(handler, worker) -> None:
    for item in (None, 0, (), False):
        worker.put(item)
        handler.wait(handler.done)
    assert handler.seen == [None, 0, (), False]


def test_an_error_is_reported_on_the_same_thread_and_the_worker_goes_on(handler, worker) -> None:
    worker.put("broken")
    handler.wait(handler.done)
    worker.put(1)
    handler.wait(handler.done)
    assert [str(error) for error in handler.errors] == ["broken"]
    assert handler.seen == ["broken", 1]
    assert handler.threads == {"detector"}


def test_stop_lets_the_item_in_work_be_finished_and_drops_the_one_that_waits(handler) -> None:
    worker = LatestWorker(handler.handle, handler.report)
    worker.start()
    handler.blocking = True
    worker.put(0)
    handler.wait(handler.entered)
    worker.put(1)
    answer: list[int] = []
    stopper = threading.Thread(target=lambda: answer.append(worker.stop(WAIT_S)))
    stopper.start()
    handler.go_on.release()
    stopper.join(WAIT_S)
    assert answer == [1]
    assert worker.stop() == 0  # counted once
    assert handler.seen == [0]
    assert handler.done.acquire(blocking=False)


def test_stop_of_an_idle_worker_drops_nothing_and_may_be_repeated(handler) -> None:
    worker = LatestWorker(handler.handle, handler.report)
    worker.start()
    assert worker.stop() == 0
    assert worker.stop() == 0


def test_a_worker_that_is_still_busy_is_said_to_be(handler) -> None:
    worker = LatestWorker(handler.handle, handler.report)
    worker.start()
    handler.blocking = True
    worker.put(0)
    handler.wait(handler.entered)
    with pytest.raises(TimeoutError, match=r"still busy after 0\.01 s"):
        worker.stop(timeout_s=0.01)
    handler.go_on.release()
    assert worker.stop(WAIT_S) == 0


def test_a_handled_item_is_not_kept(handler) -> None:
    """A cloud of megabytes must not wait in memory for the next one."""

    class Cloud:
        pass

    gone = threading.Event()
    worker = LatestWorker(lambda cloud: None, handler.report)
    worker.start()
    cloud = Cloud()
    weakref.finalize(cloud, gone.set)
    worker.put(cloud)
    del cloud
    gc.collect()
    assert gone.wait(WAIT_S)
    worker.stop()


def test_a_worker_is_started_once(worker) -> None:
    with pytest.raises(RuntimeError):
        worker.start()


def test_a_dead_thread_is_replaced_and_what_waits_is_handled(handler) -> None:
    class Killed(BaseException):
        pass

    def handle(item: object) -> None:
        if item == "kill":
            raise Killed
        handler.handle(item)

    worker = LatestWorker(handle, handler.report)
    worker.start()
    assert worker.revive() is False
    thread = worker._thread
    worker.put("kill")
    thread.join(WAIT_S)
    assert not thread.is_alive()
    assert isinstance(handler.errors[0], Killed)
    worker.put(1)
    assert worker.revive() is True
    handler.wait(handler.done)
    assert handler.seen == [1]
    assert worker.revive() is False
    assert worker.stop() == 0
    assert worker.revive() is False  # it was told to stop


def test_says_how_long_the_item_in_work_takes(handler, worker) -> None:
    assert worker.busy_s == 0
    handler.blocking = True
    worker.put(0)
    handler.wait(handler.entered)
    assert worker.busy_s > 0
    handler.go_on.release()
    handler.wait(handler.done)


def test_one_that_was_never_started_stops_at_once() -> None:
    worker = LatestWorker[int](lambda _item: None, lambda _error: None)
    worker.put(1)
    assert worker.stop() == 1
