"""Costs counted by hand on a small network."""

import csv
import json

import numpy as np
import pytest
import torch
import yaml
from small_model import SMALL, small_config

from pd_ros.detection.checkpoint import save_checkpoint
from pd_ros.detection.model import build_model
from training.profile import count_operations, main


def by_hand(points: int) -> tuple[int, int]:
    """Multiply-adds and outputs of ``small_model``: 16 x 16 cells, then 8 x 8."""
    fine, coarse = 16 * 16, 8 * 8
    layers = [  # outputs per place, inputs per output, places
        (4, 10, points), (8, 8, points),
        (8, 9 * 8, fine), (8, 9 * 8, fine), (16, 9 * 8, coarse), (16, 9 * 16, coarse),
        (8, 8, fine), (8, 16, fine),
        (8, 9 * 16, fine), *[(8, 9 * 8, fine)] * 5,
        *[(outputs, 9 * 8, fine) for outputs in (2, 2, 1, 3, 2)],
    ]  # fmt: skip
    macs = sum(outputs * inputs * places for outputs, inputs, places in layers)
    return macs, sum(outputs * places for outputs, _, places in layers)


def test_counts_are_those_by_hand() -> None:
    config = small_config()
    cloud = torch.rand(50, 4) * 6 - 3
    cloud[:, 2] = 0
    gmacs, sparse_gmacs, mactivations = count_operations(build_model(config).eval(), cloud, config)
    macs, outputs = by_hand(points=50)
    assert (round(gmacs * 1e9), sparse_gmacs) == (macs, 0)
    assert round(mactivations * 1e6) == outputs


def test_the_command_writes_the_table(tmp_path) -> None:
    config = small_config()
    save_checkpoint(tmp_path / "one.safetensors", build_model(config), config, {})
    wanted = {**SMALL, "features": ["intensity", "elongation"]}
    (tmp_path / "two.yaml").write_text(yaml.safe_dump(wanted))
    np.savez(
        tmp_path / "sweep.npz", points=np.ones((9, 4), np.float32), boxes=np.zeros((0, 7)),
        cls=np.zeros(0, np.int8), num_points=np.zeros(0, np.int32),
    )  # fmt: skip
    models = [str(tmp_path / "one.safetensors"), str(tmp_path / "two.yaml")]
    table = tmp_path / "cost.json"
    arguments = ["--models", *models, "--sweep", str(tmp_path / "sweep.npz"), "--repeats", "2"]
    assert main([*arguments, "--json", str(table), "--csv", str(tmp_path / "cost.csv")]) == 0
    rows = json.loads(table.read_text())
    assert [row["name"] for row in rows] == ["one", "two"]
    assert rows[0]["parameters"] == sum(p.numel() for p in build_model(config).parameters())
    with (tmp_path / "cost.csv").open() as file:
        assert [row["name"] for row in csv.DictReader(file)] == ["one", "two"]
    assert all(0 < row["latency_ms"] <= row["slowest_ms"] for row in rows)


def test_a_missing_sweep_is_one_clear_error(tmp_path, caplog) -> None:
    missing = str(tmp_path / "no.npz")
    assert main(["--models", "x.safetensors", "--sweep", missing]) == 2
    assert "no.npz" in caplog.text


@pytest.mark.parametrize("arguments", [["--models", "x"], ["--sweep", "x"]])
def test_what_is_required_is_asked_for(arguments) -> None:
    with pytest.raises(SystemExit):
        main(arguments)
