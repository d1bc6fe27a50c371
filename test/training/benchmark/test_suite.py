"""Suites: what is refused, and that those that ship can be trained."""

from pathlib import Path

import pytest
from small_suite import search_config, small_suite, write_suite

from pd_ros.detection.config.base import load_config
from pd_ros.detection.families import load_model_config
from training.benchmark.grid import Grid
from training.benchmark.run_config import has_weights, merge, scale_weights
from training.benchmark.suite import RowConfig, load_suite
from training.config.area import crop_grid
from training.config.run import TrainConfig
from training.distillation.checks import check_distillation

SUITES = sorted(path.stem for path in Path("config/benchmark").glob("*.yaml"))


def test_the_promised_suites_are_there() -> None:
    assert {"smoke", "small", "kitti", "waymo", "nuscenes"} <= set(SUITES)


def run_of(job):
    """A job's run; of a teacher that is there already the committed one that made it."""
    made_by = Path("config/train") / f"{job.checkpoint.parent.name}.yaml"
    return job.run or load_config(made_by, TrainConfig)


@pytest.mark.parametrize("name", SUITES)
def test_every_method_of_a_shipped_suite_fits_its_networks(name, monkeypatch) -> None:
    grid = Grid(load_suite(name), Path("runs/benchmark") / name)
    networks = {
        job.checkpoint: load_model_config(Path(run_of(job).model))
        for row in grid.rows
        for seed, job in grid.students(row, 1.0).items()
        for job in (grid.teachers[row.pair.name], grid.teacher(row, seed), job)
    }
    for reader in ("checks", "initialise.requirements"):
        place = f"training.distillation.{reader}.read_config"
        monkeypatch.setattr(place, networks.__getitem__)
    for row in grid.rows:
        jobs = [*grid.searches(row).values(), *grid.students(row, 1.0).values()]
        run = jobs[0].run
        network = load_model_config(Path(run.model))
        pair = check_distillation(run, crop_grid(network, run.area_m) if run.area_m else network)
        assert (pair is None) == (not row.config.distill)


def test_small_has_what_the_papers_have() -> None:
    suite = load_suite("small")
    pairs = {pair.name: set(pair.rows) for pair in suite.pairs}
    assert list(pairs) == ["point_pillars", "cp_pillar"]
    table_3 = {"fitnets", "attention_transfer", "se_ssd", "similarity", "crd", "overhaul"}
    assert table_3 | {"zhang_ma", "pointdistiller"} <= pairs["point_pillars"]
    sparsekd = {"logit", "regression", "labels", "hinton", "gid_response", "gid_feature", "mimic"}
    assert sparsekd <= pairs["cp_pillar"]
    controls = {f"pointdistiller_{name}" for name in ("stages", "neck", "frozen", "untrained")}
    newer = {"region_pairs", "pruned", "pruned_sparsekd", "pseudo_real", "pseudo_simulated"}
    newer |= {"complete_teacher", "complete_control"}
    for rows in pairs.values():
        assert {*controls, *newer, "ours", "reconstruct", "tgi", "sparsekd", "plain_long"} <= rows


def test_the_key_rows_of_small_have_eight_seeds_two_teachers_and_curves() -> None:
    suite = load_suite("small")
    grid = Grid(suite, Path("runs/benchmark/small"))
    key = [row for row in grid.rows if row.config.key and row.times == 1]
    assert all(len(grid.seeds(row)) == 8 for row in key)
    assert len({grid.teacher(key[0], seed).folder for seed in suite.seeds}) == 2
    curves = [
        row.times for row in grid.rows if (row.pair.name, row.method) == ("cp_pillar", "ours")
    ]
    assert curves == [1, 3, 9]
    plain, long = (next(row for row in grid.rows if row.method == name)
                   for name in ("none", "plain_long"))  # fmt: skip
    steps = [grid.students(row, 1.0)[1].steps for row in (plain, long)]
    assert steps[1] == steps[0] + grid.teacher(long, 1).steps == 800 + 9600


RECIPE = {"initialise": {"way": "reconstruct"}, "labels": {}}
RESPONSES = {
    "anchors": {"anchor_logit": {}, "anchor_regression": {}},
    "center": {"logit": {}, "regression": {}},
}


@pytest.mark.parametrize("name", SUITES)
def test_ours_is_one_recipe_in_all_suites(name) -> None:
    """The head says by which names its logits and boxes go; all weights are the defaults."""
    for pair in load_suite(name).pairs:
        if "ours" in pair.methods:
            head = load_model_config(Path(pair.student)).head
            assert pair.methods["ours"].distill == {**RECIPE, **RESPONSES[head.kind]}, pair.name
            assert not pair.methods["ours"].run


def test_every_suite_of_several_methods_has_ours_somewhere() -> None:
    for name in ("small", "small_voxels", "kitti", "nuscenes", "waymo"):
        assert any("ours" in pair.methods for pair in load_suite(name).pairs)


@pytest.mark.parametrize("name", ["small", "small_voxels"])
def test_nothing_is_chosen_or_learnt_on_what_is_tested(name) -> None:
    suite = load_suite(name)
    grid = Grid(suite, Path("runs/benchmark") / name)
    tested = [(source.path, source.files) for source in suite.test.values()]
    assert ("$PD_ROS_DATA/corpus", "splits.json#dev") in tested
    jobs = [job for row in grid.rows for job in grid.students(row, 1.0).values()]
    jobs += [job for row in grid.rows for job in grid.searches(row).values()]
    jobs += [job for each in grid.all_teachers.values() for job in each.values()]
    for job in jobs:
        read = {(source.path, source.files) for source in (*job.run.data, *job.run.validation)}
        assert not read & set(tested), job.name


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"seeds": [1, 1]}, "different ones"),
        ({"seeds": [9]}, "search.seed: 9"),
        ({"search": "test"}, "one of test"),
        ({"tests": {}}, "tests: unknown key"),
        ({"pairs": {"methods": {"none": {"distill": {"logit": {}}}}}}, "in every pair by itself"),
        ({"pairs": {"methods": {"ours": {}}}}, "methods.ours.distill: names no method"),
        ({"pairs": {"name": "a/b"}}, "pairs.0.name"),
        ({"pairs": {"methods": {"x": {"distill": {"logitt": {}}}}}}, "small, x: distill.logitt"),
        ({"pairs": {"run": {"epochs": 1}}}, "epochs: unknown key"),
        ({"pairs": {"teacher": "no.yaml"}}, "no.yaml: cannot be read"),
        ({"pairs": {"factors_of": "small"}}, "expected a pair with a search of its own"),
        ({"budgets": {1: 3}}, "pair small wants 3 seeds, and seeds has 2"),
        ({"candidates": ["logit"]}, "candidates: are told apart on validation"),
        ({"contrasts": [{"row": "logit", "than": "all"}]}, r"names of rows, got \['all'\]"),
        ({"pairs": {"methods": {"x": {"distill": {"logit": {}}, "teacher": "wise"}}}},
         "methods.x.teacher: expected trained or one of"),
        ({"pairs": {"teachers": {"trained": {}}}}, "teachers.trained: is the pair's own"),
    ],
)  # fmt: skip
def test_bad_suites_are_refused_before_anything_is_trained(tmp_path, change, expected) -> None:
    search = search_config(tmp_path)
    good = small_suite(tmp_path, search=search).model_dump(mode="json")
    if change.get("search") == "test":
        change = {"search": {**search, "validation": [good["test"]["tested"]]}}
    if "pairs" in change:
        change = {"pairs": [{**good["pairs"][0], **change["pairs"]}]}
    path = write_suite(tmp_path, **{"search": search, **change})
    with pytest.raises(ValueError, match=expected):
        Grid(load_suite(str(path)), tmp_path / "out")


def test_unknown_names_are_answered_with_the_known_ones(tmp_path) -> None:
    with pytest.raises(ValueError, match=r"one of .*small, .*smoke.* got 'smal'"):
        load_suite("smal")
    with pytest.raises(ValueError, match="--only: expected some of small"):
        Grid(small_suite(tmp_path), tmp_path, ("large",))


def test_two_teachers_do_not_share_a_folder(tmp_path) -> None:
    pair = small_suite(tmp_path).model_dump(mode="json")["pairs"][0]
    other = {**pair, "name": "other", "teacher_run": {"seed": 5}}
    suite = load_suite(str(write_suite(tmp_path, pairs=[pair, other])))
    with pytest.raises(ValueError, match="share the folder"):
        Grid(suite, tmp_path / "out").teachers  # noqa: B018
    same = load_suite(str(write_suite(tmp_path, pairs=[pair, {**pair, "name": "other"}])))
    teachers = Grid(same, tmp_path / "out").teachers
    assert teachers["small"] == teachers["other"]


def test_all_methods_have_the_same_run_but_for_distillation(tmp_path) -> None:
    grid = Grid(small_suite(tmp_path, search=search_config(tmp_path)), tmp_path / "out")
    runs: list[TrainConfig] = [grid.students(row, 1.0)[2].run for row in grid.rows]
    same = [run.model_dump(exclude={"distill", "out"}) for run in runs]
    assert all(run == same[0] for run in same)
    assert same[0]["seed"] == 2
    assert [run.distill is None for run in runs] == [True, False, False]
    (short, _) = grid.searches(grid.rows[1]).values()
    assert (short.run.seed, short.run.schedule.frames_per_epoch) == (9, 2)
    assert grid.searches(grid.rows[0]) == grid.searches(grid.rows[2]) == {}


def test_weights_are_multiplied_also_where_they_are_defaults() -> None:
    method = RowConfig(distill={"logit": {"gated": False}, "regression": {"weight": 3.0},
                             "labels": {"threshold": 0.5}})  # fmt: skip
    scaled = scale_weights(method, 0.1).distill
    assert scaled == {"logit": {"gated": False, "weight": 1.0}, "regression": {"weight": 0.3},
                      "labels": {"threshold": 0.5}}  # fmt: skip
    assert has_weights(method)
    assert not has_weights(RowConfig(distill={"labels": {}, "initialise": {}}))


def test_mappings_are_merged_and_lists_replaced() -> None:
    base = {"schedule": {"epochs": 2, "batch_size": 4}, "data": [1, 2]}
    assert merge(base, {"schedule": {"epochs": 1}, "data": []}) == {
        "schedule": {"epochs": 1, "batch_size": 4},
        "data": [],
    }
    assert base["schedule"] == {"epochs": 2, "batch_size": 4}
