"""One thread that handles the newest item; what it has no time for is dropped, not queued."""

import contextlib
import threading
import time
from collections.abc import Callable
from typing import Generic, TypeVar

Item = TypeVar("Item")


class LatestWorker(Generic[Item]):
    """A thread with a mailbox of one slot, in which a new item takes the place of an old one.

    ``handle`` gets one item at a time, on the worker's thread. What it raises goes to ``report``,
    on the same thread, and the worker goes on, even if ``report`` raises in its turn. A thread
    that dies all the same is replaced by ``revive``.
    """

    def __init__(
        self, handle: Callable[[Item], None], report: Callable[[BaseException], None]
    ) -> None:
        self._handle = handle
        self._report = report
        self._changed = threading.Condition()
        self._slot: tuple[Item, ...] = ()  # none or one
        self._stopping = False
        self._began_s: float | None = None
        self._thread = self._new_thread()

    def start(self) -> None:
        """Start the thread; once in the worker's life."""
        self._thread.start()

    @property
    def busy_s(self) -> float:
        """Return how long the item in work has been so; 0 where there is none."""
        began_s = self._began_s
        return 0.0 if began_s is None else time.monotonic() - began_s

    def put(self, item: Item) -> bool:
        """Hand over an item; returns whether one that waited was dropped for it."""
        with self._changed:
            dropped = bool(self._slot)
            self._slot = (item,)
            self._changed.notify()
        return dropped

    def revive(self) -> bool:
        """Start a new thread where the old one has died; it handles what waits.

        Returns whether that was so.
        """
        with self._changed:
            if self._stopping or self._thread.is_alive():
                return False
            self._thread = self._new_thread()
            self._thread.start()
        return True

    def stop(self, timeout_s: float = 5.0) -> int:
        """Let the item in work be finished, then end the thread; returns the items dropped.

        One that was never started has nothing to end.
        Raises ``TimeoutError`` if the item in work takes longer than ``timeout_s``.
        """
        with self._changed:
            dropped = len(self._slot)
            self._slot = ()
            self._stopping = True
            self._changed.notify()
        if self._thread.ident is None:
            return dropped
        self._thread.join(timeout_s)
        if self._thread.is_alive():
            raise TimeoutError(f"worker: still busy after {timeout_s} s; it is left behind")
        return dropped

    def _new_thread(self) -> threading.Thread:
        return threading.Thread(target=self._run, name="detector", daemon=True)

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._slot or self._stopping)
                if self._stopping:
                    return
                (item,), self._slot = self._slot, ()
                self._began_s = time.monotonic()
            try:
                self._handle(item)
            except BaseException as error:
                with contextlib.suppress(Exception):
                    self._report(error)
                if not isinstance(error, Exception):
                    return  # the thread was told to end; the next item gets a new one
            finally:
                self._began_s = None
            del item  # a cloud of megabytes is not kept until the next one comes
