"""The two modes of batch norm, told apart by the boxes that they give."""

import torch
from small_run import write_run

from pd_ros.detection.checkpoint import load_checkpoint
from pd_ros.detection.config.base import load_config
from training.batches.norm import norms
from training.config.run import SourceConfig, TrainConfig
from training.distributed import World
from training.evaluate.norm_gap import format_norm_gap, measure_norm_gap
from training.train import train

CPU = torch.device("cpu")


def test_statistics_of_another_world_show(tmp_path) -> None:
    """With running statistics that are far off, objects are found with the batch's own alone."""
    schedule = {"epochs": 12, "frames_per_epoch": 16, "batch_size": 2, "norm_frozen_from": 1}
    schedule |= {"norm_momentum": 0.1, "learning_rate": 0.01}
    train(load_config(write_run(tmp_path, schedule=schedule), TrainConfig), World(0, 1, CPU))
    source = SourceConfig(path=str(tmp_path / "frames"))
    checkpoint = load_checkpoint(tmp_path / "out/model.safetensors")
    gap = measure_norm_gap(checkpoint, source, CPU)["car"]
    assert gap.running.objects == gap.batch.objects == 4
    for norm in norms(checkpoint.model):
        norm.eval()
        norm.running_var *= 1e4
    off = measure_norm_gap(checkpoint, source, CPU)
    assert off["car"].running.found == 0 < off["car"].batch.objects
    assert list(format_norm_gap(off)) == []
    assert all(norm.running_var.max() > 1 for norm in norms(checkpoint.model))
