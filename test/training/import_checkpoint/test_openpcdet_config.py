"""OpenPCDet's YAML as one of ours, through the command."""

import json

import numpy as np
import pytest
import torch
from openpcdet_weights import make_weights
from openpcdet_yaml import ANCHOR, BASE, CENTERS, NETWORK, WALKER, changed, write_yaml
from small_model import small_anchor_config

from pd_ros.detection.checkpoint import load_checkpoint
from pd_ros.detection.config.base import load_config
from pd_ros.detection.config.bev import ModelConfig
from training.import_checkpoint.__main__ import main

SWEEPS = ["x", "y", "z", "intensity", "timestamp"]
NUSCENES = changed(
    BASE, DATASET="NuScenesDataset", MAX_SWEEPS=10,
    POINT_FEATURE_ENCODING__used_feature_list=SWEEPS,
)  # fmt: skip


def ours(folder, network, base=BASE):
    """The YAML that the command writes."""
    source = write_yaml(folder, network, base)
    assert main(["--openpcdet-config", str(source), "--out", str(folder / "ours.yaml")]) == 0
    return load_config(folder / "ours.yaml", ModelConfig)


def test_every_key_has_its_counterpart(tmp_path) -> None:
    config = ours(tmp_path, NETWORK)
    assert config == small_anchor_config().model_copy(
        update={
            "name": "small_net",
            "grid": config.grid,
            "capacity": config.capacity,
            "encoder": config.encoder,
            "head": config.head,
            "decode": config.decode,
        }
    )
    assert config.grid.range_m == (-8, -8, -3, 8, 8, 1)
    assert config.grid.pillar_size_m == (1, 1)
    assert not config.grid.any_height
    assert (config.capacity.max_pillars, config.capacity.max_points_per_pillar) == (90, 3)
    assert config.encoder.padded
    assert config.head.anchors[0].size_m == (3, 2, 1.5)
    assert config.head.anchors[1].bottom_m == -1.7
    assert config.head.rotations_rad == (0, 1.57)
    assert (config.decode.max_candidates, config.decode.max_detections) == (4096, 500)
    assert config.decode.nms_iou_threshold == 0.01


def test_heads_of_groups_with_velocity_and_limits(tmp_path) -> None:
    vfe = {**NETWORK["MODEL"]["VFE"], "NAME": "DynPillarVFE"}
    steps = [{"NAME": "transform_points_to_voxels_placeholder", "VOXEL_SIZE": [1, 1, 4]}]
    network = changed(
        NETWORK, MODEL__NAME="CenterPoint", MODEL__VFE=vfe, MODEL__DENSE_HEAD=CENTERS,
        MODEL__POST_PROCESSING={"EVAL_METRIC": "kitti"}, DATA_CONFIG__DATA_PROCESSOR=steps,
        MODEL__BACKBONE_2D__LAYER_STRIDES=[2, 1], MODEL__BACKBONE_2D__UPSAMPLE_STRIDES=[0.5, 0.5],
        MODEL__DENSE_HEAD__TARGET_ASSIGNER_CONFIG__FEATURE_MAP_STRIDE=4,
    )  # fmt: skip
    config = ours(tmp_path, network, NUSCENES)
    assert config.classes == ("car", "pedestrian")
    assert config.groups == (("pedestrian",), ("car",))
    assert config.features == ("intensity", "time_lag")
    assert config.grid.any_height
    assert not config.encoder.padded
    assert config.capacity.max_points_per_pillar is None
    assert config.head.velocity
    assert config.neck.strides == (0.5, 0.5)
    assert config.output_stride == 4
    assert config.decode.centre_range_m == (-9, -9, -4, 9, 9, 2)
    assert (config.decode.max_candidates, config.decode.max_detections) == (300, 83)
    assert config.decode.score_threshold == 0.15


def test_a_head_of_parts_suppresses_class_by_class(tmp_path) -> None:
    network = changed(
        NETWORK, MODEL__DENSE_HEAD__NAME="AnchorHeadMulti", MODEL__DENSE_HEAD__USE_MULTIHEAD=True,
        MODEL__DENSE_HEAD__SEPARATE_MULTIHEAD=True, MODEL__DENSE_HEAD__SHARED_CONV_NUM_FILTER=8,
        MODEL__DENSE_HEAD__ANCHOR_GENERATOR_CONFIG=[WALKER, ANCHOR],
        MODEL__DENSE_HEAD__RPN_HEAD_CFGS=[{"HEAD_CLS_NAME": ["Pedestrian", "Car"]}],
        MODEL__POST_PROCESSING__NMS_CONFIG__MULTI_CLASSES_NMS=True,
    )  # fmt: skip
    config = ours(tmp_path, network)
    assert config.groups == (("pedestrian",), ("car",))
    assert config.head.shared == 8
    assert config.head.anchors[0].size_m == (3, 2, 1.5)  # in the order of the classes


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"MODEL__ROI_HEAD": {"NAME": "PVRCNNHead"}}, "MODEL.ROI_HEAD: has no counterpart here"),
        ({"MODEL__VFE__WITH_DISTANCE": True}, "MODEL.VFE.WITH_DISTANCE: Input should be False"),
        ({"MODEL__BACKBONE_2D__NEW": 1}, "MODEL.BACKBONE_2D.NEW: has no counterpart"),
        ({"MODEL__DENSE_HEAD__NUM_DIR_BINS": 4}, "MODEL.DENSE_HEAD.NUM_DIR_BINS: Input should be"),
        ({"MODEL__DENSE_HEAD__NAME": "PointHeadBox"}, "MODEL.DENSE_HEAD: Input tag"),
        ({"MODEL__MAP_TO_BEV__NUM_BEV_FEATURES": 9}, "NUM_BEV_FEATURES: expected 8"),
        ({"MODEL__DENSE_HEAD__ANCHOR_GENERATOR_CONFIG": [WALKER, ANCHOR]}, "in their order"),
        (
            {"MODEL__DENSE_HEAD__ANCHOR_GENERATOR_CONFIG": [
                {**ANCHOR, "feature_map_stride": 2}, {**WALKER, "feature_map_stride": 2}]},
            "feature_map_stride: expected 1, as BACKBONE_2D makes it, got 2",
        ),
        ({"MODEL__POST_PROCESSING__NMS_CONFIG__MULTI_CLASSES_NMS": True}, "expected False with"),
        ({"MODEL__POST_PROCESSING__NMS_CONFIG__NMS_TYPE": "nms_normal"}, "NMS_CONFIG.NMS_TYPE"),
        ({"DATA_CONFIG__DATA_PROCESSOR": [{"NAME": "sample_points"}]}, "DATA_PROCESSOR.0.NAME"),
        ({"DATA_CONFIG___BASE_CONFIG_": "cfgs/absent.yaml"}, "cfgs/absent.yaml in a folder"),
        ({"CLASS_NAMES": None}, "CLASS_NAMES: Field required"),
    ],
)  # fmt: skip
def test_what_has_no_counterpart_is_refused_by_its_key(changes, words, tmp_path, caplog) -> None:
    source = write_yaml(tmp_path, changed(NETWORK, **changes))
    out = tmp_path / "ours.yaml"
    assert main(["--openpcdet-config", str(source), "--out", str(out)]) == 2
    assert words in caplog.text
    assert str(source) in caplog.text
    assert not out.exists()


def test_features_that_no_cloud_has_are_refused(tmp_path, caplog) -> None:
    base = changed(BASE, POINT_FEATURE_ENCODING__used_feature_list=["x", "y", "z", "NLZ_flag"])
    source = write_yaml(tmp_path, NETWORK, base)
    assert main(["--openpcdet-config", str(source), "--out", str(tmp_path / "o.yaml")]) == 2
    assert "used_feature_list: expected x, y, z and some of intensity" in caplog.text


def test_a_checkpoint_as_train_py_writes_it_comes_with_its_yaml(tmp_path) -> None:
    """Its optimiser holds numpy's numbers; a network on several GPUs has prefixes."""
    source = write_yaml(tmp_path, NETWORK)
    config = small_anchor_config()
    weights = make_weights(config)
    groups = [
        {"lr": np.float64(0.003), "mom": np.float32(0.9), "step": np.int64(7), "on": np.bool_(1)}
    ]
    state = {
        "epoch": np.int32(80),
        "it": 9000,
        "model_state": {f"module.{name}": value for name, value in weights.items()},
        "optimizer_state": {"state": {0: {"exp_avg": torch.zeros(3)}}, "param_groups": groups},
        "best": np.array([0.5, 0.7]),
        "version": "pcdet+0.6.0",
    }
    torch.save(state, tmp_path / "checkpoint_epoch_80.pth")
    out = tmp_path / "teacher.safetensors"
    arguments = ["--checkpoint", str(tmp_path / "checkpoint_epoch_80.pth"), "--out", str(out)]
    arguments += ["--openpcdet-config", str(source), "--json", str(tmp_path / "s.json")]
    assert main(arguments) == 0
    loaded = load_checkpoint(out)
    assert loaded.config == load_config(tmp_path / "teacher.yaml", ModelConfig)
    kernel = loaded.model.state_dict()["dense.head.box.weight"]
    assert torch.equal(kernel, weights["dense_head.conv_box.weight"])
    assert json.loads((tmp_path / "s.json").read_text())["model"] == "small_net"
    assert main(arguments) == 0  # its own YAML may be written again


def test_nothing_of_the_users_is_written_over(tmp_path, caplog) -> None:
    source = write_yaml(tmp_path, NETWORK)
    before = source.read_text()
    out = source.with_suffix(".safetensors")
    assert main(["--openpcdet-config", str(source), "--out", str(out)]) == 2
    assert "is there already" in caplog.text
    assert source.read_text() == before


def test_intensities_of_nuscenes_are_brought_to_one(tmp_path) -> None:
    source = write_yaml(tmp_path, NETWORK, NUSCENES)
    config = small_anchor_config(features=["intensity", "time_lag"])
    weights = make_weights(config)
    torch.save(weights, tmp_path / "n.pth")
    arguments = ["--checkpoint", str(tmp_path / "n.pth"), "--openpcdet-config", str(source)]
    scaled, plain = tmp_path / "scaled.safetensors", tmp_path / "plain.safetensors"
    assert main([*arguments, "--out", str(scaled)]) == 0
    assert main([*arguments, "--out", str(plain), "--intensity-max", "1"]) == 0
    loaded = load_checkpoint(scaled)
    first = "encoder.layers.0.linear.weight"
    ratio = loaded.model.state_dict()[first] / load_checkpoint(plain).model.state_dict()[first]
    assert ratio[:, 3].round().eq(255).all()
    assert ratio[:, [0, 1, 2, *range(4, 11)]].eq(1).all()
    assert loaded.training["intensity_max"] == 255
    assert loaded.training["sweeps"] == 10


def test_the_command_wants_one_config(tmp_path, capsys) -> None:
    with pytest.raises(SystemExit):
        main(["--config", "a.yaml", "--out", str(tmp_path / "a.st")])
    assert "--checkpoint is needed" in capsys.readouterr().err
