import dataclasses

import pytest
import torch

from pd_ros.detection.types import Detections
from pd_ros.runtime.settings import Settings, published_names


def found(scores, labels):
    boxes = torch.arange(7.0 * len(scores)).view(-1, 7)
    return Detections(boxes, torch.tensor(scores), torch.tensor(labels, dtype=torch.int64))


def test_each_class_has_its_own_threshold() -> None:
    settings = Settings(score_thresholds=((0.5,), (0.2,)))
    kept = settings.select(found([0.9, 0.6, 0.4, 0.3, 0.1], [1, 0, 0, 1, 1]))
    assert kept.scores.tolist() == pytest.approx([0.9, 0.6, 0.3])
    assert kept.labels.tolist() == [1, 0, 1]
    assert kept.boxes[:, 0].tolist() == [0, 7, 21]


def test_a_score_that_equals_its_threshold_is_kept() -> None:
    kept = Settings(score_thresholds=((0.3,),)).select(found([0.3, 0.2999], [0, 0]))
    assert len(kept.scores) == 1


def test_the_best_are_kept_after_the_thresholds() -> None:
    settings = Settings(score_thresholds=((0.95,), (0.0,)), max_detections=2)
    kept = settings.select(found([0.9, 0.8, 0.7, 0.6], [0, 1, 1, 1]))
    assert kept.scores.tolist() == pytest.approx([0.8, 0.7])


def test_no_detections_stay_none() -> None:
    kept = Settings(score_thresholds=((0.3,),)).select(Detections.empty())
    assert kept.boxes.shape == (0, 7)
    assert (len(kept.scores), kept.labels.dtype) == (0, torch.int64)


def test_settings_are_frozen() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        Settings().markers = False


def test_thresholds_go_by_class_and_distance() -> None:
    boxes = torch.zeros(5, 7)
    boxes[:, 0] = torch.tensor([3.0, 6.0, 8.0, 0.0, 0.0])
    boxes[:, 1] = torch.tensor([4.0, 7.999, 6.0, -50.0, 0.0])  # 5, 9.9995, 10, 50, 0 m away
    scores, labels = torch.tensor([0.5, 0.5, 0.5, 0.5, 0.4]), torch.tensor([0, 0, 0, 1, 1])
    settings = Settings(distance_bins_m=(0, 10), score_thresholds=((0.6, 0.5), (0.4, 0.51)))
    kept = settings.select(Detections(boxes, scores, labels))
    assert kept.boxes[:, 0].tolist() == [8, 0]
    assert kept.labels.tolist() == [0, 1]


def test_names_on_the_topics() -> None:
    classes = ("Car", "Van", "Tram")
    assert published_names(classes, ["", "car", "drop"], as_index=False) == ("car", "car", "")
    assert published_names(classes, ["", "car", "drop"], as_index=True) == ("0", "1", "")
