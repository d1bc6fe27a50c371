import json

import pytest
import torch
from small_distill_batch import WIDE
from small_model import ANCHORS, PYRAMID, SMALL, SMALL_POINTS
from small_run import read_log, write_run

from pd_ros.detection.checkpoint import save_checkpoint
from pd_ros.detection.config.base import parse_config
from pd_ros.detection.config.bev import ModelConfig
from pd_ros.detection.families import build_model
from training.train import main


def plan(tmp_path, network=SMALL, **distill):
    """Lines of the plan and the written numbers of a dry run."""
    config = parse_config({**SMALL, **WIDE, "head": network["head"] if network is not SMALL else
                           WIDE["head"]}, ModelConfig, "wide")  # fmt: skip
    path = tmp_path / "teacher.safetensors"
    save_checkpoint(path, build_model(config), config, {})
    changes = {"distill": {"teacher": str(path), **distill}} if distill else {}
    changes["validation"] = [{"path": str(tmp_path / "frames")}]
    run = write_run(tmp_path, network, **changes)
    out = tmp_path / "plan.json"
    assert main(["--config", str(run), "--dry-run", "--json", str(out)]) == 0
    content = json.loads(out.read_text())
    return content["plan"], content


def test_says_what_is_compared_initialised_and_left_out_and_writes_nothing(tmp_path) -> None:
    lines, content = plan(
        tmp_path,
        logit={},
        fitnets={"tap": "stages"},
        labels={},
        initialise={"exclude": ["encoder"]},
    )
    text = "\n".join(lines)
    for expected in (
        "compares   logit x 10: heatmap [2, 2, 16, 16] with [2, 2, 16, 16]",
        "compares   fitnets x 100: stages.1 [2, 16, 8, 8] with [2, 24, 8, 8]",
        "starts     dense.backbone.stages.1.0.0: 16 of 24 outputs, 8 of 12 inputs",
        "fresh      encoder.layers.0.linear: [4, 10]",
        "adapters   fitnets:",
        "frozen and not in the checkpoint",
        "labels     ",
        "begins at  frames/car/bev_0.5: ",
    ):
        assert expected in text
    adapters = 8 * 12 + 2 * 12 + 16 * 24 + 2 * 24
    assert f"fitnets: {adapters} parameters" in text
    assert not (tmp_path / "out").exists()
    memory = content["memory_bytes"]
    assert memory["gradients and the optimiser's moments"] == 3 * memory["weights"]
    assert memory["together, at least"] == sum(list(memory.values())[:-1])


def test_says_how_much_of_the_teacher_a_fitted_start_explains(tmp_path) -> None:
    lines, content = plan(tmp_path, initialise={"way": "reconstruct", "frames": 3})
    starts = [line for line in lines if line.startswith("starts")]
    assert starts and all("% of them" in line for line in starts)
    assert not any(line.startswith("fresh") for line in lines)
    assert "frames/car/bev_0.5" in content["scores"]


def test_memory_kept_for_the_backward_pass_grows_with_the_batch(tmp_path) -> None:
    sizes = []
    for batch in (2, 8):
        schedule = {"epochs": 1, "frames_per_epoch": 8, "batch_size": batch}
        run = write_run(tmp_path, schedule=schedule)
        path = tmp_path / "plan.json"
        assert main(["--config", str(run), "--dry-run", "--json", str(path)]) == 0
        sizes.append(json.loads(path.read_text())["memory_bytes"]["kept for the backward pass"])
    assert sizes[1] == pytest.approx(4 * sizes[0], rel=0.1)


def test_without_a_teacher_and_with_anchors(tmp_path) -> None:
    lines, content = plan(tmp_path, {**SMALL, "head": ANCHORS})
    assert not any(line.startswith(("teacher", "compares", "starts")) for line in lines)
    assert content["losses"]["total"] > 0
    assert content["scores"] == {}
    lines, _ = plan(tmp_path, {**SMALL, "head": ANCHORS}, anchor_logit={}, local={"nodes": 9})
    assert "compares   anchor_logit x 15: heatmap [2, 8, 16, 16]" in "\n".join(lines)


@pytest.mark.parametrize(
    ("network", "seen"),
    [(SMALL_POINTS, "128 points of a cloud in"), (PYRAMID, "16 x 16, the finest of 2, in")],
    ids=["points", "pyramid"],
)
def test_other_networks_are_planned_too(tmp_path, network, seen) -> None:
    path = tmp_path / "plan.json"
    run = write_run(tmp_path, network)
    assert main(["--config", str(run), "--dry-run", "--json", str(path)]) == 0
    content = json.loads(path.read_text())
    assert seen in content["plan"][0]
    shown = [line for line in content["plan"] if line.endswith("of it")]
    assert len(shown) == len(content["losses"]) - 1


def test_the_log_shows_each_terms_share(tmp_path) -> None:
    torch.manual_seed(0)
    plan(tmp_path, logit={}, regression={})
    assert main(["--config", str(tmp_path / "run.yaml")]) == 0
    row = read_log(tmp_path)[-1]
    assert sum(row["shares"].values()) == pytest.approx(1, abs=1e-3)
    expected = 10 * row["distill_logit"] / row["total"]
    assert row["shares"]["distill_logit"] == pytest.approx(expected, abs=1e-3)


def test_what_cannot_work_is_refused_before_anything_loads(tmp_path, caplog) -> None:
    run = write_run(tmp_path, distill={"teacher": "nowhere.safetensors", "logit": {}})
    assert main(["--config", str(run), "--dry-run"]) == 2
    assert "nowhere.safetensors: no such checkpoint" in caplog.text
