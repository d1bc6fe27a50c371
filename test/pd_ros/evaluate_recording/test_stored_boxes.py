"""Boxes go to a file and come back bit by bit, whatever the clouds hold."""

from pathlib import Path
from tempfile import TemporaryDirectory

import torch
from hypothesis import given
from hypothesis import strategies as st

from pd_ros.detection.types import Detections
from pd_ros.evaluate_recording import stored_boxes
from pd_ros.evaluate_recording.stored_boxes import BoxWriter, read_boxes
from pd_ros.evaluation.lidar import ClassTally, GroundTruth, LabelledFrames, evaluate_frames

NUMBERS = st.lists(st.integers(0, 4), min_size=3, max_size=3)


def cloud(seed: int, objects: int, *found: int) -> tuple[GroundTruth, list[Detections]]:
    torch.manual_seed(seed)
    truth = GroundTruth(
        torch.randn(objects, 7), torch.randint(-1, 2, (objects,)), torch.rand(objects) < 0.3
    )
    models = [
        Detections(torch.randn(n, 7), torch.rand(n), torch.randint(0, 2, (n,))) for n in found
    ]
    return truth, models


def flat(*tuples) -> list:
    return [field for each in tuples for field in each if field is not None]


@given(st.lists(NUMBERS, max_size=7), st.integers(1, 4))
def test_what_is_written_is_read(counts, size) -> None:
    clouds = [cloud(seed, *numbers) for seed, numbers in enumerate(counts)]
    with TemporaryDirectory() as folder:
        path = Path(folder) / "boxes"
        with BoxWriter(path, 2) as writer:
            for each in clouds:
                writer.add(*each)
        before, stored_boxes._CLOUDS = stored_boxes._CLOUDS, size
        try:
            parts = list(read_boxes(path, writer.counts()))
        finally:
            stored_boxes._CLOUDS = before
    assert [len(part.truth) for part in parts[:-1]] == [size] * (len(parts) - 1)
    again = [
        (truth, [model[number] for model in part.found])
        for part in parts
        for number, truth in enumerate(part.truth)
    ]
    assert len(again) == len(clouds)
    for old, new in zip(clouds, again, strict=True):
        pairs = zip(flat(old[0], *old[1]), flat(new[0], *new[1]), strict=True)
        assert all(a.dtype == b.dtype and torch.equal(a, b) for a, b in pairs)


def car(x: float, score: float) -> Detections:
    return Detections(
        torch.tensor([[x, 0.0, 0, 4, 2, 1.5, 0]]), torch.tensor([score]), torch.tensor([0])
    )


def test_parts_give_the_scores_of_the_whole() -> None:
    """Car by car, the guesses shift further and further off, and every third is a ghost."""
    boxes = torch.tensor([[10.0, 0, 0, 4, 2, 1.5, 0]])
    object_ = GroundTruth(boxes, torch.tensor([0]), torch.tensor([False]))
    truth = [object_] * 60
    found = [car(10 + 0.02 * n if n % 3 else 30.0, 0.9 - 0.01 * n) for n in range(60)]
    whole = evaluate_frames(truth, found, ("car",), {"car": 0.7})["car"]
    tally = ClassTally(0, (0.7,))
    parts = [slice(0, 1), slice(1, 1), slice(1, 40), slice(40, 60)]
    for take in (tally.find, tally.count):
        for part in parts:
            take(LabelledFrames.of(truth[part], found[part]))
    assert tally.scores(0.7) == whole
    assert 0 < whole.ap_3d_r40 < 100
