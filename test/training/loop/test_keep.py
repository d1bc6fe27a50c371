"""Which epoch a run leaves: the last one, or the one that found most and imagined least."""

import pytest
from small_run import read_log, write_run

from pd_ros.detection.checkpoint import load_checkpoint
from training.evaluate.scoring import Validation
from training.train import main

EPOCHS = {"epochs": 4, "frames_per_epoch": 2, "batch_size": 1}


@pytest.fixture
def scripted_f1(monkeypatch):
    """Validation that finds the second epoch best, and the last no worse than the third."""
    f1 = iter((0.2, 0.6, 0.4, 0.4))
    monkeypatch.setattr("training.loop.run.validate", lambda *_: Validation({"f1": next(f1)}, {}))


@pytest.mark.parametrize(("keep", "epoch"), [("last", 4), ("best", 2)])
def test_the_kept_epoch(tmp_path, scripted_f1, keep, epoch) -> None:
    run = write_run(
        tmp_path, keep=keep, schedule=EPOCHS, validation=[{"path": str(tmp_path / "frames")}]
    )
    assert main(["--config", str(run)]) == 0
    record = load_checkpoint(tmp_path / "out/model.safetensors").training
    assert record["epoch"] == epoch
    assert [line["epoch"] for line in read_log(tmp_path)] == [1, 2, 3, 4]


def test_f1_of_a_real_validation_is_that_of_its_classes(tmp_path) -> None:
    """The mean over classes of 2 P R / (P + R), from the figures beside it."""
    run = write_run(tmp_path, validation=[{"path": str(tmp_path / "frames")}])
    assert main(["--config", str(run)]) == 0
    figures = read_log(tmp_path)[-1]
    each = []
    for key, precision in figures.items():
        if key.endswith("/precision"):
            recall = figures[key.replace("precision", "recall")]
            both = precision + recall
            each.append(2 * precision * recall / both if both else 0)
    assert figures["f1"] == pytest.approx(sum(each) / len(each), abs=2e-3)


def test_the_best_epoch_needs_validation(tmp_path, caplog) -> None:
    assert main(["--config", str(write_run(tmp_path, keep="best", validation=[]))]) == 2
    assert "best is chosen on validation" in caplog.text
