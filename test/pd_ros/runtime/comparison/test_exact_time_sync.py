"""Clouds and answers find each other by their stamps, in any order, and nothing piles up."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pd_ros.runtime.comparison.exact_time_sync import StampPair, StampPairs, header_stamp_ns


def test_either_may_come_first_and_a_pair_comes_once() -> None:
    pairs = StampPairs()
    assert pairs.add_cloud(1, b"c1") is None
    assert pairs.add_answer(2, b"a2") is None
    assert pairs.add_answer(1, b"a1") == StampPair(1, b"c1", b"a1")
    assert pairs.add_cloud(2, b"c2") == StampPair(2, b"c2", b"a2")
    assert pairs.add_answer(1, b"again") is None


def test_old_ones_are_forgotten() -> None:
    pairs = StampPairs(kept=2)
    for stamp in (1, 2, 3):
        pairs.add_cloud(stamp, b"")
    assert pairs.add_answer(1, b"") is None
    assert pairs.add_answer(2, b"") is not None


def test_a_stamp_that_comes_again_is_the_newer_cloud() -> None:
    pairs = StampPairs(kept=2)
    for stamp, cloud in ((1, b"old"), (2, b""), (1, b"new"), (3, b"")):
        pairs.add_cloud(stamp, cloud)
    assert pairs.add_answer(1, b"a") == StampPair(1, b"new", b"a")
    assert pairs.add_answer(2, b"a") is None


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 6)), max_size=60))
def test_a_pair_has_both_parts_of_one_stamp(events) -> None:
    pairs = StampPairs(kept=3)
    for is_cloud, stamp in events:
        add = pairs.add_cloud if is_cloud else pairs.add_answer
        pair = add(stamp, b"%s%d" % (b"c" if is_cloud else b"a", stamp))
        assert pair is None or pair == StampPair(stamp, b"c%d" % stamp, b"a%d" % stamp)


@pytest.mark.parametrize(("order", "flag"), [("<", 1), (">", 0)])
def test_stamp_of_either_byte_order(order, flag) -> None:
    cdr = bytes([0, flag, 0, 0]) + struct.pack(f"{order}iI", 1_700_000_000, 123)
    assert header_stamp_ns(cdr + b"the rest") == 1_700_000_000_000_000_123


@pytest.mark.parametrize("size", [0, 1, 4, 11])
def test_bytes_without_a_header_are_refused(size) -> None:
    with pytest.raises(ValueError, match=f"ends after {size} bytes"):
        header_stamp_ns(bytes(size))
