"""One thread that handles the newest item; what it has no time for is dropped, not queued."""

import contextlib
import threading
from collections.abc import Callable
from typing import Generic, TypeVar

Item = TypeVar("Item")


class LatestWorker(Generic[Item]):
    """A thread with a mailbox of one slot, in which a new item takes the place of an old one.

    ``handle`` gets one item at a time, on the worker's thread. What it raises goes to ``report``,
    on the same thread, and the worker goes on, even if ``report`` raises in its turn.
    """

    def __init__(
        self, handle: Callable[[Item], None], report: Callable[[Exception], None]
    ) -> None:
        self._handle = handle
        self._report = report
        self._changed = threading.Condition()
        self._slot: tuple[Item, ...] = ()  # none or one
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name="detector", daemon=True)

    def start(self) -> None:
        """Start the thread; once in the worker's life."""
        self._thread.start()

    def put(self, item: Item) -> bool:
        """Hand over an item; returns whether one that waited was dropped for it."""
        with self._changed:
            dropped = bool(self._slot)
            self._slot = (item,)
            self._changed.notify()
        return dropped

    def stop(self, timeout_s: float = 5.0) -> int:
        """Let the item in work be finished, then end the thread; returns the items dropped.

        Raises ``TimeoutError`` if the item in work takes longer than ``timeout_s``.
        """
        with self._changed:
            dropped = len(self._slot)
            self._slot = ()
            self._stopping = True
            self._changed.notify()
        self._thread.join(timeout_s)
        if self._thread.is_alive():
            raise TimeoutError(f"worker: still busy after {timeout_s} s; it is left behind")
        return dropped

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._slot or self._stopping)
                if self._stopping:
                    return
                (item,), self._slot = self._slot, ()
            try:
                self._handle(item)
            except Exception as error:
                with contextlib.suppress(Exception):
                    self._report(error)
            del item  # a cloud of megabytes is not kept until the next one comes
