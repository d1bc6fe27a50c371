import dataclasses

import pytest
import torch
from default_settings import default_comparison, default_settings, default_startup

from pd_ros.detection.geometry.ego import EGO_DISTANCE_M
from pd_ros.detection.types import Detections
from pd_ros.pointcloud.decode import AS_IT_IS
from pd_ros.runtime.parameters.comparison_specs import COMPARISON_SPECS
from pd_ros.runtime.parameters.specs import SPECS
from pd_ros.runtime.settings import (
    ComparisonSettings,
    DiagnosticLimits,
    Settings,
    StartupParameters,
    published_names,
)


def found(scores, labels):
    boxes = torch.arange(7.0 * len(scores)).view(-1, 7)
    return Detections(boxes, torch.tensor(scores), torch.tensor(labels, dtype=torch.int64))


def test_each_class_has_its_own_threshold() -> None:
    settings = default_settings(score_thresholds=((0.5,), (0.2,)))
    kept = settings.select(found([0.9, 0.6, 0.4, 0.3, 0.1], [1, 0, 0, 1, 1]))
    assert kept.scores.tolist() == pytest.approx([0.9, 0.6, 0.3])
    assert kept.labels.tolist() == [1, 0, 1]
    assert kept.boxes[:, 0].tolist() == [0, 7, 21]


def test_a_score_that_equals_its_threshold_is_kept() -> None:
    kept = default_settings(score_thresholds=((0.3,),)).select(found([0.3, 0.2999], [0, 0]))
    assert len(kept.scores) == 1


def test_the_best_are_kept_after_the_thresholds() -> None:
    settings = default_settings(score_thresholds=((0.95,), (0.0,)), max_detections=2)
    kept = settings.select(found([0.9, 0.8, 0.7, 0.6], [0, 1, 1, 1]))
    assert kept.scores.tolist() == pytest.approx([0.8, 0.7])


def test_no_detections_stay_none() -> None:
    kept = default_settings(score_thresholds=((0.3,),)).select(Detections.empty())
    assert kept.boxes.shape == (0, 7)
    assert (len(kept.scores), kept.labels.dtype) == (0, torch.int64)


def test_settings_are_frozen() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        default_settings().markers = False


def test_thresholds_go_by_class_and_distance() -> None:
    boxes = torch.zeros(5, 7)
    boxes[:, 0] = torch.tensor([3.0, 6.0, 8.0, 0.0, 0.0])
    boxes[:, 1] = torch.tensor([4.0, 7.999, 6.0, -50.0, 0.0])  # 5, 9.9995, 10, 50, 0 m away
    scores, labels = torch.tensor([0.5, 0.5, 0.5, 0.5, 0.4]), torch.tensor([0, 0, 0, 1, 1])
    settings = default_settings(
        distance_bins_m=(0, 10), score_thresholds=((0.6, 0.5), (0.4, 0.51))
    )
    kept = settings.select(Detections(boxes, scores, labels))
    assert kept.boxes[:, 0].tolist() == [8, 0]
    assert kept.labels.tolist() == [0, 1]


def test_names_on_the_topics() -> None:
    classes = ("Car", "Van", "Tram")
    assert published_names(classes, ["", "car", "drop"], as_index=False) == ("car", "car", "")
    assert published_names(classes, ["", "car", "drop"], as_index=True) == ("0", "1", "")


UNITS = ("_m", "_s")
# made of several
NOT_PARAMETERS = {"autoware_labels", "decoding", "diagnostics", "names", "score_thresholds"}


@pytest.mark.parametrize(
    ("settings", "specs"),
    [
        (StartupParameters, SPECS),
        (Settings, SPECS),
        (DiagnosticLimits, SPECS),
        (ComparisonSettings, COMPARISON_SPECS),
    ],
)
def test_settings_are_named_as_their_parameters_and_have_no_defaults(settings, specs) -> None:
    parameters = ["." + spec.name.replace(".", "_") for spec in specs]
    parameters += ["." + spec.name.rpartition(".")[2] for spec in specs]
    parameters += ["." + spec.name.partition(".")[2].replace(".", "_") for spec in specs]
    for field in dataclasses.fields(settings):
        assert field.default is field.default_factory is dataclasses.MISSING
        names = [field.name, *(field.name.removesuffix(unit) for unit in UNITS)]
        assert field.name in NOT_PARAMETERS or any("." + name in parameters for name in names)


def test_what_commands_and_node_share_has_the_same_default() -> None:
    assert default_settings().decoding == AS_IT_IS
    assert default_settings().ego_distance_m == EGO_DISTANCE_M
    assert default_comparison("a").ego_distance_m == EGO_DISTANCE_M


def test_a_checkpoint_that_is_not_given_is_the_default_one() -> None:
    assert default_startup("own.safetensors").checkpoint == "own.safetensors"
    assert default_comparison("own.safetensors").checkpoint == "own.safetensors"
