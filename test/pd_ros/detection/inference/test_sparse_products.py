"""Rulebooks and products against numbers worked out by hand, and against dense convolutions."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional as F

pytest.importorskip("numba", reason="numba is not installed: see packaging/")
from pd_ros.detection.inference.compiled import sparse_matching
from pd_ros.detection.inference.sparse import products, rulebook
from pd_ros.detection.inference.sparse.products import Kernel, convolve_pairs, convolve_table
from pd_ros.detection.inference.sparse.rulebook import (
    SUBMANIFOLD,
    Sites,
    Step,
    make_pairs,
    make_sites,
    make_table,
    match,
    reach,
)
from pd_ros.detection.types import Clipped, PillarBatch

FORMS = pytest.mark.parametrize(
    ("make", "convolve"),
    [(make_pairs, convolve_pairs), (make_table, convolve_table)],
    ids=["pairs", "table"],
)
STRIDED = Step((3, 3, 3), (2, 2, 2), (1, 1, 1))
STEPS = [
    STRIDED,
    Step((3, 3, 3), (2, 2, 2), (0, 1, 1)),
    Step((3, 1, 1), (2, 1, 1), (0, 0, 0)),
    Step((3, 3, 3), (1, 1, 1), (1, 1, 1)),
    Step((1, 2, 3), (1, 2, 1), (0, 0, 1)),
]


def sites_at(places: torch.Tensor, shape) -> Sites:
    """Sites of sample, layer, row, column ``[V, 4]``, which rise."""
    nothing = torch.zeros(len(places))
    batch = PillarBatch(
        points=nothing[:, None],
        point_pillar=nothing.long(),
        cells=places[:, [0, 2, 3]],
        counts=nothing,
        batch_size=1,
        clipped=Clipped(),
        layers=places[:, 1],
    )
    return make_sites(batch, shape)


def with_zeros(features: torch.Tensor) -> torch.Tensor:
    return torch.cat((features, features.new_zeros(1, features.shape[1])))


@FORMS
def test_three_voxels_in_a_row(make, convolve) -> None:
    """Columns 1, 2 and 4 of one row: 1 and 2 are neighbours, 4 has none."""
    sites = sites_at(torch.tensor([[0, 0, 0, 1], [0, 0, 0, 2], [0, 0, 0, 4]]), (1, 1, 5))
    weight = torch.zeros(27, 1, 1)
    weight[12:15, 0, 0] = torch.tensor([100.0, 10.0, 1.0])
    rows = with_zeros(torch.tensor([[2.0], [3.0], [5.0]]))
    kernel = Kernel(weight, torch.tensor([0.5]))
    result = convolve(rows, make(match(sites, sites, SUBMANIFOLD)), kernel)
    assert result[:-1, 0].tolist() == [20 + 3 + 0.5, 200 + 30 + 0.5, 50 + 0.5]
    assert result[-1].tolist() == [0.0]


@FORMS
def test_a_gap_between_two_neighbours(make, convolve) -> None:
    """Of the row behind, the middle one sees the first and the last column, not its own."""
    sites = sites_at(torch.tensor([[0, 0, 0, 1], [0, 0, 1, 0], [0, 0, 1, 2]]), (1, 2, 3))
    weight = torch.zeros(27, 1, 1)
    weight[[15, 16, 17], 0, 0] = torch.tensor([100.0, 10.0, 1.0])
    rows = with_zeros(torch.tensor([[1.0], [2.0], [3.0]]))
    result = convolve(rows, make(match(sites, sites, SUBMANIFOLD)), Kernel(weight, torch.zeros(1)))
    assert result[:-1, 0].tolist() == [203.0, 0.0, 0.0]


def test_a_stride_reaches_by_hand() -> None:
    """Column 3 lies under outputs 1 and 2, column 0 under output 0 alone."""
    sites = sites_at(torch.tensor([[0, 0, 0, 0], [0, 0, 0, 3]]), (1, 1, 5))
    reached = reach(sites, STRIDED)
    assert reached.shape == (1, 1, 3)
    assert torch.stack(reached.places(), 1).tolist() == [[0, 0, 0, 0], [0, 0, 0, 1], [0, 0, 0, 2]]
    table = make_table(match(sites, reached, STRIDED))[:, 12:15]
    assert table.tolist() == [[2, 0, 2], [2, 2, 1], [1, 2, 2]]


@pytest.mark.parametrize("step", [SUBMANIFOLD, STRIDED], ids=["submanifold", "strided"])
@FORMS
def test_one_voxel(make, convolve, step) -> None:
    sites = sites_at(torch.tensor([[0, 2, 2, 2]]), (5, 5, 5))
    outputs = sites if step == SUBMANIFOLD else reach(sites, step)
    weight = torch.arange(27.0).view(27, 1, 1)
    rows = with_zeros(torch.ones(1, 1))
    result = convolve(rows, make(match(sites, outputs, step)), Kernel(weight, torch.zeros(1)))
    assert result.tolist() == [[13.0], [0.0]]


@FORMS
def test_a_voxel_that_no_output_sees_leaves_none(make, convolve) -> None:
    """The highest of four layers lies above the only place of a kernel of three."""
    step = Step((3, 1, 1), (2, 1, 1), (0, 0, 0))
    sites = sites_at(torch.tensor([[0, 3, 2, 2]]), (4, 5, 5))
    outputs = reach(sites, step)
    assert outputs.shape == (1, 5, 5)
    assert len(outputs.keys) == 0
    kernel = Kernel(torch.ones(3, 1, 2), torch.ones(2))
    result = convolve(with_zeros(torch.ones(1, 1)), make(match(sites, outputs, step)), kernel)
    assert result.tolist() == [[0.0, 0.0]]
    again = convolve(
        result,
        make(match(outputs, outputs, SUBMANIFOLD)),
        Kernel(torch.ones(27, 2, 1), torch.ones(1)),
    )
    assert again.tolist() == [[0.0]]


@st.composite
def scenes(draw):
    """Active places of a small grid, features, a convolution."""
    shape = tuple(draw(st.integers(3, 6)) for _ in range(3))
    seed, share = draw(st.integers(0, 10_000)), draw(st.sampled_from([0.02, 0.2, 0.5, 1.0]))
    generator = torch.Generator().manual_seed(seed)
    active = torch.rand(2, *shape, generator=generator) <= share
    active[0, 0, 0, 0] = True
    step = draw(st.sampled_from([SUBMANIFOLD, *STEPS]))
    channels, width = draw(st.integers(1, 5)), draw(st.integers(1, 5))
    maps = torch.randn(2, channels, *shape, generator=generator) * active[:, None]
    weight = torch.randn(width, channels, *step.size, generator=generator)
    bias = torch.randn(width, generator=generator)
    return active, maps, weight, bias, step, draw(st.booleans())


@FORMS
@given(scene=scenes())
@settings(deadline=None, max_examples=80)
def test_equals_a_dense_convolution_where_it_is_active(make, convolve, scene) -> None:
    active, maps, weight, bias, step, grows = scene
    places = active.nonzero()
    sites = sites_at(places, tuple(active.shape[1:]))
    assert torch.equal(torch.stack(sites.places(), 1).long(), places)
    ones = torch.ones(1, 1, *step.size)
    seen = F.conv3d(active[:, None].float(), ones, None, step.stride, step.padding)[:, 0] > 0
    stays = step == SUBMANIFOLD and not grows
    expected_places = places if stays else seen.nonzero()
    outputs = sites if stays else reach(sites, step)
    assert torch.equal(torch.stack(outputs.places(), 1).long(), expected_places)
    dense = F.conv3d(maps, weight, bias, step.stride, step.padding)
    expected = dense.permute(0, 2, 3, 4, 1)[tuple(expected_places.T)]
    rows = with_zeros(maps.permute(0, 2, 3, 4, 1)[tuple(places.T)])
    kernel = Kernel(weight.flatten(2).permute(2, 1, 0).contiguous(), bias)
    result = convolve(rows, make(match(sites, outputs, step)), kernel)
    torch.testing.assert_close(result[:-1], expected, atol=1e-4, rtol=1e-4)
    assert not result[-1].any()


def test_pairs_are_those_of_the_table(monkeypatch) -> None:
    monkeypatch.setattr(rulebook, "_OUTPUTS", 50)
    generator = torch.Generator().manual_seed(0)
    places = (torch.rand(1, 7, 9, 11, generator=generator) < 0.3).nonzero()
    sites = sites_at(places, (7, 9, 11))
    for step in (SUBMANIFOLD, *STEPS):
        matches = match(sites, sites if step == SUBMANIFOLD else reach(sites, step), step)
        table = make_table(matches)
        blocks = make_pairs(matches)
        assert len(blocks) > 1
        again = [torch.full_like(part, len(places)) for part in torch.split(table, 50)]
        for block, part in zip(blocks, again, strict=True):
            products = [(each.places, row) for each in block.pairs for row in each.source.tolist()]
            assert block.order.sort().values.tolist() == list(range(len(products)))
            owner = torch.repeat_interleave(torch.arange(len(part)), block.ends.diff())
            for output, number in zip(owner.tolist(), block.order.tolist(), strict=True):
                under, source = products[number]
                for behind, place in enumerate(range(*under.indices(table.shape[1]))):
                    part[output, place] = source + behind
        assert torch.equal(torch.cat(again), table)


@FORMS
def test_several_threads_give_bit_by_bit_what_one_gives(make, convolve) -> None:
    generator = torch.Generator().manual_seed(0)
    places = (torch.rand(1, 20, 60, 60, generator=generator) < 0.2).nonzero()
    sites = sites_at(places, (20, 60, 60))
    rows = with_zeros(torch.randn(len(places), 32, generator=generator))
    kernel = Kernel(torch.randn(27, 32, 32, generator=generator), torch.zeros(32))
    before, found = torch.get_num_threads(), []
    try:
        for threads in (1, 2, 2):
            torch.set_num_threads(threads)
            found.append(convolve(rows, make(match(sites, sites, SUBMANIFOLD)), kernel))
    finally:
        torch.set_num_threads(before)
    assert all(torch.equal(each, found[0]) for each in found[1:])


def test_work_is_done_a_part_at_a_time(monkeypatch) -> None:
    """The parts' seams change nothing."""
    generator = torch.Generator().manual_seed(0)
    places = (torch.rand(1, 6, 8, 8, generator=generator) < 0.4).nonzero()
    sites = sites_at(places, (6, 8, 8))
    rows = with_zeros(torch.randn(len(places), 4, generator=generator))
    kernel = Kernel(torch.randn(27, 4, 3, generator=generator), torch.ones(3))
    matches = match(sites, sites, SUBMANIFOLD)
    forms = list(zip((make_pairs, make_table), (convolve_pairs, convolve_table), strict=True))
    whole = [convolve(rows, make(matches), kernel) for make, convolve in forms]
    for name in ("_GATHERED_BY_TABLE", "_GATHERED_BY_PAIRS"):
        monkeypatch.setattr(products, name, 100)
    monkeypatch.setattr(rulebook, "_OUTPUTS", 20)
    parts = [convolve(rows, make(matches), kernel) for make, convolve in forms]
    for a, b in zip(whole, parts, strict=True):
        torch.testing.assert_close(a, b, atol=1e-5, rtol=1e-5)


def test_without_a_folder_to_keep_it_a_kernel_is_compiled_anew(monkeypatch) -> None:
    def njit(cache=False, nogil=False):
        if cache:
            raise RuntimeError("cannot cache function: no locator available")
        return lambda function: function

    sites = sites_at(torch.tensor([[0, 0, 0, 1], [0, 0, 0, 2], [0, 0, 1, 2]]), (1, 2, 5))
    matches = match(sites, sites, SUBMANIFOLD)
    expected = make_table(matches)
    monkeypatch.setattr(sparse_matching.numba, "njit", njit)
    again = sparse_matching._compile(sparse_matching._fill_table)
    monkeypatch.setattr(rulebook, "fill_table", again)
    assert torch.equal(make_table(matches), expected)
