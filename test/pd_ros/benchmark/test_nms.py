"""The benchmark of the suppression on a few boxes; how fast anything is is not judged."""

import json
import re

import pytest
import torch

from pd_ros.benchmark import nms
from pd_ros.benchmark.proposals import draw_proposals


def test_both_ways_are_timed_and_keep_the_same(tmp_path, capsys) -> None:
    out = tmp_path / "nms.json"
    arguments = ["--boxes", "300", "--threshold", "0.2", "0.7", "--rounds", "2", "--crowd", "30"]
    assert nms.main([*arguments, "--json", str(out)]) == 0
    results = json.loads(out.read_text())["results"]
    assert [(row["boxes"], row["threshold"], row["same"]) for row in results] == [
        (300, 0.2, True), (300, 0.7, True),
    ]  # fmt: skip
    assert 0 < results[0]["kept"] < results[1]["kept"] < 300
    assert all(len(times) == 2 for row in results for times in row["wall_ms"].values())
    assert len(re.findall(r"^ +300 ", capsys.readouterr().out, re.M)) == 2


def test_keeping_other_boxes_is_a_failure(monkeypatch, capsys) -> None:
    monkeypatch.setattr(nms, "nms", lambda boxes, _scores, _threshold: torch.arange(len(boxes)))
    assert nms.main(["--boxes", "100", "--threshold", "0.2", "--rounds", "1"]) == 1
    assert "False" in capsys.readouterr().out


@pytest.mark.parametrize("arguments", [["--boxes", "0"], ["--threshold", "2"]])
def test_what_cannot_be_is_said_in_one_line(arguments, capsys) -> None:
    assert nms.main(arguments) == 2
    assert arguments[0] in capsys.readouterr().err


def test_proposals_lie_about_their_objects_and_follow_the_seed() -> None:
    boxes, scores = draw_proposals(400, 1, 0.0, seed=1)
    near = (boxes[:, :2] - boxes[:, :2].mean(dim=0)).norm(dim=1)
    assert 0 < near.median() < near.max() < 1  # a pedestrian
    best = scores > scores.median()
    assert near[best].mean() < near[~best].mean()
    assert (scores.min() > 0) and (scores.max() < 1) and (boxes[:, 3:6] > 0).all()
    again, other = draw_proposals(400, 1, 0.0, seed=1), draw_proposals(400, 1, 0.0, seed=2)
    assert torch.equal(again.boxes, boxes) and not torch.equal(other.boxes, boxes)
    astray = draw_proposals(400, 1, 0.5, seed=1).boxes
    far = (astray[:, :2] - astray[:, :2].median(dim=0).values).norm(dim=1) > 5
    assert 150 < far.sum() < 250
