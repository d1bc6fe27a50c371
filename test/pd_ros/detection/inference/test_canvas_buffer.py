"""The canvas that is used again against one that is made anew."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from pd_ros.detection.inference.folded_encoder import CanvasBuffer

COUNT = 12
PLACES = st.lists(st.integers(0, COUNT - 1), unique=True)


@given(st.lists(PLACES, max_size=6), st.sampled_from([torch.float32, torch.bfloat16]))
def test_every_write_gives_what_a_fresh_canvas_would(writes, dtype) -> None:
    buffer = CanvasBuffer()
    for number, places in enumerate(writes):
        place = torch.tensor(places, dtype=torch.int64)
        values = (torch.rand(len(place), 3) + number).to(dtype)
        expected = torch.zeros(COUNT, 3, dtype=dtype)
        expected[place] = values
        assert torch.equal(buffer.write(values, place, COUNT), expected)


def test_the_memory_stays_where_it_is_while_the_shape_does() -> None:
    buffer, place = CanvasBuffer(), torch.tensor([2])
    first = buffer.write(torch.ones(1, 3), place, COUNT)
    again = buffer.write(torch.ones(1, 3), torch.tensor([4]), COUNT)
    assert again.data_ptr() == first.data_ptr()
    assert again.sum() == 3
    for values, count in (
        (torch.ones(1), COUNT),
        (torch.ones(1, 3), 20),
        (torch.ones(1, 3).half(), 20),
    ):
        other = buffer.write(values, place, count)
        assert (other.shape[0], other.dtype, other.sum()) == (count, values.dtype, values.sum())


def test_an_error_leaves_nothing_behind() -> None:
    buffer = CanvasBuffer()
    buffer.write(torch.ones(2), torch.tensor([0, 1]), COUNT)
    with pytest.raises(IndexError):
        buffer.write(torch.ones(2), torch.tensor([5, COUNT]), COUNT)
    found = buffer.write(torch.ones(1), torch.tensor([7]), COUNT)
    assert found.nonzero().flatten().tolist() == [7]
