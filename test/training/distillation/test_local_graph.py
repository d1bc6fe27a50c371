import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from small_distill_batch import narrow_and_wide

from training.config.point import LocalConfig
from training.distillation.feature.local import LocalComparison, PillarLocal, local_loss
from training.distillation.feature.local_graph import (
    GraphConvolution,
    build_graph,
    lowest,
    nearest,
    node_weights,
)
from training.distillation.maps import match_cells, to_table
from training.distillation.method import DistillBatch


@given(st.integers(0, 10_000), st.integers(1, 12), st.integers(1, 12))
@settings(max_examples=30, deadline=None)
def test_neighbours_are_the_nearest_rows_and_the_node_itself(seed, chosen, neighbours) -> None:
    features = torch.randn(12, 3, generator=torch.Generator().manual_seed(seed))
    rows = torch.arange(chosen)
    found = nearest(features, rows, neighbours)
    distance = torch.cdist(features[rows].double(), features.double())
    expected = distance.sort(dim=1).values[:, :neighbours]
    torch.testing.assert_close(distance.gather(1, found).sort(dim=1).values, expected)
    assert (found == rows[:, None]).any(dim=1).all()


@given(st.integers(0, 10_000), st.integers(1, 900), st.integers(1, 40), st.booleans())
def test_the_lowest_columns_are_those_of_the_whole_row(seed, columns, count, ties) -> None:
    values = torch.randn(5, columns, generator=torch.Generator().manual_seed(seed))
    if ties:
        values = values.round()
    found = lowest(values, min(count, columns))
    assert all(len(set(row)) == len(row) for row in found.tolist())
    expected = values.sort(dim=1).values[:, :count]
    torch.testing.assert_close(values.gather(1, found).sort(dim=1).values, expected)


def test_values_that_are_none_are_no_columns_that_are_none() -> None:
    assert lowest(torch.full((2, 90), torch.nan), 3).max() < 90


def test_a_node_among_its_equals_is_its_own_neighbour() -> None:
    found = nearest(torch.ones(50, 2), torch.tensor([17, 49]), 3)
    assert 17 in found[0] and 49 in found[1]


def test_graphs_keep_to_their_scene() -> None:
    """Scene 0 has 2 rows, scene 1 has 3; the two most important of each, two neighbours."""
    features = torch.tensor([[0.0], [9.0], [0.1], [0.2], [5.0]])
    importance = torch.tensor([1.0, 2, 3, 5, 4])
    graph = build_graph(features, importance, torch.tensor([0, 0, 1, 1, 1]), 2, 8)
    assert graph.centre.tolist() == [1, 0, 3, 4]
    assert [sorted(row) for row in graph.neighbour.tolist()] == [[0, 1], [0, 1], [2, 3], [3, 4]]
    mixed = build_graph(features, importance, torch.zeros(5, dtype=torch.int64), 2, 2)
    assert mixed.centre.tolist() == [3, 4]
    assert sorted(mixed.neighbour[0].tolist()) == [2, 3]


def test_no_rows_give_no_nodes() -> None:
    none = torch.zeros(0, dtype=torch.int64)
    assert build_graph(torch.zeros(0, 3), none, none, 5, 5).neighbour.numel() == 0


def test_weights_by_hand_sum_to_the_nodes_of_each_scene() -> None:
    score = torch.tensor([0.0, torch.log(torch.tensor(3.0)).item(), 7.0])
    weights = node_weights(score, torch.tensor([0, 0, 1]), 1.0)
    torch.testing.assert_close(weights, torch.tensor([0.5, 1.5, 1.0]))


@given(st.integers(0, 10_000), st.floats(0.05, 20))
@settings(max_examples=30, deadline=None)
def test_weights_sum_to_the_number_of_nodes(seed, temperature) -> None:
    generator = torch.Generator().manual_seed(seed)
    score = torch.rand(20, generator=generator) * 30
    scene = torch.randint(0, 3, (20,), generator=generator)
    weights = node_weights(score, scene, temperature)
    for number in scene.unique():
        members = scene == number
        assert weights[members].sum().item() == pytest.approx(members.sum().item(), rel=1e-4)


def test_a_high_temperature_is_no_reweighting_and_a_low_one_a_mask() -> None:
    """At the published 0.01 only the pillars that tie for the most points count."""
    counts, scene = torch.tensor([32.0, 32, 5, 1]), torch.zeros(4, dtype=torch.int64)
    torch.testing.assert_close(node_weights(counts, scene, 1e9), torch.ones(4))
    torch.testing.assert_close(node_weights(counts, scene, 0.01), torch.tensor([2.0, 2, 0, 0]))


def test_projecting_first_equals_the_convolution_of_gathered_pairs() -> None:
    torch.manual_seed(0)
    layer, features = GraphConvolution(5, 7), torch.randn(30, 5)
    graph = build_graph(features, torch.rand(30), torch.arange(30) % 2, 6, 4)
    neighbours = features[graph.neighbour]
    centres = features[graph.centre][:, None].expand_as(neighbours)
    pairs = torch.cat((neighbours, centres), dim=2)
    plain = torch.relu(layer.norm(layer.linear(pairs).flatten(0, 1))).view(12, 4, 7)
    torch.testing.assert_close(layer(features, graph), plain, atol=1e-5, rtol=1e-4)


def test_loss_by_hand() -> None:
    student, teacher = torch.zeros(2, 1, 2), torch.tensor([[[1.0, 0.0]], [[2.0, 2.0]]])
    assert local_loss(student, teacher, torch.tensor([1.5, 0.5])).item() == pytest.approx(
        2 * (1.5 * 1 + 0.5 * 8) / 4
    )


def compare(tables, pool=False, **settings):
    torch.manual_seed(1)
    config = LocalConfig(nodes=6, neighbours=3, width=4, **settings)
    block = LocalComparison(config, 5, 5, pool)
    block.teacher.load_state_dict(block.student.state_dict())
    return block(*tables, torch.rand(20), torch.arange(20) // 10)


def test_equal_tables_and_equal_adapters_lose_nothing() -> None:
    table = torch.rand(20, 5)
    assert compare((table, table)).item() == 0


@pytest.mark.parametrize("pool", [False, True])
def test_reweighting_modes(pool) -> None:
    """Off is the limit of high temperatures; ``released`` reweights pillars only."""
    tables = torch.rand(20, 5), torch.rand(20, 5)
    off = compare(tables, pool, reweight="off")
    torch.testing.assert_close(compare(tables, pool, temperature=1e9), off)
    assert not torch.isclose(compare(tables, pool, temperature=0.05), off)
    released = compare(tables, pool, reweight="released", temperature=0.05)
    assert torch.isclose(released, off) == pool
    other = compare(tables, pool, reweight="released", temperature=0.05, tap="neck")
    torch.testing.assert_close(other, off)


def test_points_go_through_the_same_block() -> None:
    """``[B, M, C]`` features of points, pooled over neighbours as in PointRCNN."""
    student, teacher = torch.rand(2, 10, 5, requires_grad=True), torch.rand(2, 10, 5)
    loss = compare((student.flatten(0, 1), teacher.flatten(0, 1)), pool=True)
    loss.backward()
    assert student.grad.abs().sum() > 0


@pytest.mark.parametrize("layer", ["learnt", "frozen"])
def test_which_graph_layers_learn(layer) -> None:
    block = LocalComparison(LocalConfig(width=4, teacher_layer=layer), 5, 5)
    tables = torch.rand(20, 5), torch.rand(20, 5)
    block(*tables, torch.rand(20), torch.zeros(20, dtype=torch.int64)).backward()
    assert block.student.linear.weight.grad.abs().sum() > 0
    assert (block.teacher.linear.weight.grad is not None) == (layer == "learnt")
    assert (block.teacher.norm.weight.grad is not None) == (layer == "learnt")


@pytest.mark.parametrize("counted", ["held", "arrived"])
def test_full_pillars_tie_unless_all_their_points_count(counted) -> None:
    """Both scenes' fullest pillar gets all the weight, if what it has no room for counts."""
    room = narrow_and_wide()
    seen = room.batch.teacher
    crowded = torch.ones_like(seen.arrived)
    crowded[0] = 1000
    batch = room.batch._replace(
        teacher=seen._replace(counts=torch.ones_like(seen.counts), arrived=crowded)
    )
    local = PillarLocal(LocalConfig(nodes=8, neighbours=2, width=4, counted=counted), room.pair)
    given = []
    compare = local.comparison.forward
    local.comparison.forward = lambda *tables: given.append(tables[2]) or compare(*tables)
    said = room.outputs()
    local(DistillBatch(said.student, said.teacher, batch))
    assert (given[0].max() > given[0].min()) == (counted == "arrived")


def test_only_pillars_count_points() -> None:
    with pytest.raises(ValueError, match="arrived counts points of pillars, tap is neck"):
        LocalConfig(tap="neck", counted="arrived")


def test_nothing_to_compare_is_no_loss() -> None:
    block = LocalComparison(LocalConfig(width=4), 5, 5)
    none = torch.zeros(0)
    assert block(torch.zeros(0, 5), torch.zeros(0, 5), none, none.long()).item() == 0


def test_cells_of_both_are_matched() -> None:
    mine = torch.tensor([[0, 1, 1], [0, 2, 2], [1, 1, 1]])
    theirs = torch.tensor([[0, 2, 2], [0, 3, 3], [1, 1, 1], [1, 5, 5]])
    first, second = match_cells(mine, theirs)
    assert torch.equal(mine[first], theirs[second]) and len(first) == 2
    first, second = match_cells(mine, mine)
    assert first.tolist() == second.tolist() == [0, 1, 2]
    assert len(match_cells(mine[:0], theirs)[0]) == 0


def test_tables_go_sample_by_sample_and_row_by_row() -> None:
    maps = torch.arange(2 * 3 * 2 * 2.0).view(2, 3, 2, 2)
    torch.testing.assert_close(to_table(maps)[5], maps[1, :, 0, 1])
