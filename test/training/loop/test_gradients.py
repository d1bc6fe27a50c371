"""Which weights the terms of a run reach."""

from contextlib import closing

import pytest
from small_run import write_run

from pd_ros.detection.checkpoint import save_checkpoint
from pd_ros.detection.config.base import load_config
from pd_ros.detection.families import build_model, load_model_config
from training.config.run import TrainConfig
from training.distributed import join_world
from training.loop.gradients import gradient_reach
from training.train import start

GRAPH = {"nodes": 20, "neighbours": 4, "width": 6}


@pytest.fixture
def reach(tmp_path):
    """Shares by term and part, of a run that distils by a fresh teacher."""

    def measure(**methods: object) -> dict[tuple[str, str], float]:
        path = write_run(tmp_path)
        network = load_model_config(tmp_path / "model.yaml")
        teacher = tmp_path / "teacher.safetensors"
        save_checkpoint(teacher, build_model(network), network, {})
        write_run(tmp_path, distill={"teacher": str(teacher), **methods})
        with join_world() as world:
            started = start(load_config(path, TrainConfig), world)
            with closing(started.run):
                batches = [next(iter(started.loader))]
                found = gradient_reach(started.run, batches)
        return {(each.term, each.part): each.share for each in found}

    return measure


def test_pillars_reach_the_encoder_alone_and_the_neck_what_lies_before_it(reach) -> None:
    pillars = reach(local=GRAPH)
    assert pillars["distill_local", "encoder"] > 0.5
    assert [pillars["distill_local", part] for part in ("backbone", "neck", "head")] == [0, 0, 0]
    neck = reach(local={**GRAPH, "tap": "neck"})
    assert min(neck["distill_local", part] for part in ("encoder", "backbone", "neck")) > 0.5
    assert neck["distill_local", "head"] == 0


def test_responses_reach_every_part(reach) -> None:
    found = reach(logit={})
    assert min(found["distill_logit", part] for part in ("encoder", "backbone", "neck")) > 0.5
    assert 0 < found["distill_logit", "head"] < 1  # boxes are not compared
    assert found["heatmap", "head"] > 0
