"""Clouds and the answers to them, brought together by equal stamps."""

import struct
from collections import OrderedDict
from typing import NamedTuple

# CDR: 4 bytes of encapsulation, then header.stamp.sec and nanosec. Bit 0 of byte 1: little endian.
_STAMP_OFFSET = 4
_STAMP_SIZE = 8


class StampPair(NamedTuple):
    """A cloud and the student's answer to it, as they went over the wire."""

    stamp_ns: int
    cloud: bytes
    answer: bytes


class StampPairs:
    """Keeps the newest ``kept`` clouds and answers until their counterpart comes, in any order.

    What is older is forgotten: clouds that the student has dropped, answers whose cloud was lost.
    A stamp that comes again takes the place of the older one. Not for several threads.
    """

    def __init__(self, kept: int = 8) -> None:
        self._kept = kept
        self._clouds: OrderedDict[int, bytes] = OrderedDict()
        self._answers: OrderedDict[int, bytes] = OrderedDict()

    def add_cloud(self, stamp_ns: int, cloud: bytes) -> StampPair | None:
        """Take in a cloud; returns the pair if its answer is there already."""
        answer = self._answers.pop(stamp_ns, None)
        if answer is not None:
            return StampPair(stamp_ns, cloud, answer)
        self._keep(self._clouds, stamp_ns, cloud)
        return None

    def add_answer(self, stamp_ns: int, answer: bytes) -> StampPair | None:
        """Take in an answer; returns the pair if its cloud is there."""
        cloud = self._clouds.pop(stamp_ns, None)
        if cloud is not None:
            return StampPair(stamp_ns, cloud, answer)
        self._keep(self._answers, stamp_ns, answer)
        return None

    def _keep(self, store: "OrderedDict[int, bytes]", stamp_ns: int, message: bytes) -> None:
        store.pop(stamp_ns, None)
        store[stamp_ns] = message
        if len(store) > self._kept:
            store.popitem(last=False)


def header_stamp_ns(cdr: bytes) -> int:
    """Stamp of a serialised message that starts with a header, in nanoseconds.

    Raises ``ValueError`` for bytes that end before.
    """
    if len(cdr) < _STAMP_OFFSET + _STAMP_SIZE:
        raise ValueError(f"message: expected a header, it ends after {len(cdr)} bytes")
    order = "<" if cdr[1] & 1 else ">"
    seconds, nanoseconds = struct.unpack_from(f"{order}iI", cdr, _STAMP_OFFSET)
    return int(seconds) * 1_000_000_000 + int(nanoseconds)
