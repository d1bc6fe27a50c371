"""A small network written down as OpenPCDet's YAML files have it, in folders as theirs."""

import copy

import yaml

BASE = {
    "DATASET": "KittiDataset",
    "DATA_PATH": "../data/kitti",
    "POINT_CLOUD_RANGE": [-40, -40, -3, 40, 40, 1],
    "DATA_AUGMENTOR": {"AUG_CONFIG_LIST": [{"NAME": "random_world_flip"}]},
    "POINT_FEATURE_ENCODING": {
        "encoding_type": "absolute_coordinates_encoding",
        "used_feature_list": ["x", "y", "z", "intensity"],
        "src_feature_list": ["x", "y", "z", "intensity"],
    },
    "DATA_PROCESSOR": [{"NAME": "shuffle_points", "SHUFFLE_ENABLED": {"train": True}}],
}
ANCHOR = {
    "class_name": "Car",
    "anchor_sizes": [[3, 2, 1.5]],
    "anchor_rotations": [0, 1.57],
    "anchor_bottom_heights": [-1.7],
    "align_center": False,
    "feature_map_stride": 1,
    "matched_threshold": 0.6,
    "unmatched_threshold": 0.45,
}
WALKER = {**ANCHOR, "class_name": "Pedestrian", "anchor_sizes": [[0.8, 0.6, 1.7]]}
NETWORK = {
    "CLASS_NAMES": ["Car", "Pedestrian"],
    "DATA_CONFIG": {
        "_BASE_CONFIG_": "cfgs/dataset_configs/small.yaml",
        "POINT_CLOUD_RANGE": [-8, -8, -3, 8, 8, 1],
        "DATA_PROCESSOR": [
            {"NAME": "mask_points_and_boxes_outside_range", "REMOVE_OUTSIDE_BOXES": True},
            {
                "NAME": "transform_points_to_voxels",
                "VOXEL_SIZE": [1, 1, 4],
                "MAX_POINTS_PER_VOXEL": 3,
                "MAX_NUMBER_OF_VOXELS": {"train": 16, "test": 90},
            },
        ],
    },
    "MODEL": {
        "NAME": "PointPillar",
        "VFE": {
            "NAME": "PillarVFE",
            "WITH_DISTANCE": False,
            "USE_ABSLOTE_XYZ": True,
            "USE_NORM": True,
            "NUM_FILTERS": [8, 8],
        },
        "MAP_TO_BEV": {"NAME": "PointPillarScatter", "NUM_BEV_FEATURES": 8},
        "BACKBONE_2D": {
            "NAME": "BaseBEVBackbone",
            "LAYER_NUMS": [1, 1],
            "LAYER_STRIDES": [1, 2],
            "NUM_FILTERS": [8, 16],
            "UPSAMPLE_STRIDES": [1, 2],
            "NUM_UPSAMPLE_FILTERS": [8, 8],
        },
        "DENSE_HEAD": {
            "NAME": "AnchorHeadSingle",
            "CLASS_AGNOSTIC": False,
            "USE_DIRECTION_CLASSIFIER": True,
            "DIR_OFFSET": 0.78539,
            "DIR_LIMIT_OFFSET": 0.0,
            "NUM_DIR_BINS": 2,
            "ANCHOR_GENERATOR_CONFIG": [ANCHOR, WALKER],
            "TARGET_ASSIGNER_CONFIG": {"NAME": "AxisAlignedTargetAssigner", "SAMPLE_SIZE": 512},
            "LOSS_CONFIG": {"LOSS_WEIGHTS": {"cls_weight": 1.0}},
        },
        "POST_PROCESSING": {
            "SCORE_THRESH": 0.1,
            "EVAL_METRIC": "kitti",
            "NMS_CONFIG": {
                "MULTI_CLASSES_NMS": False,
                "NMS_TYPE": "nms_gpu",
                "NMS_THRESH": 0.01,
                "NMS_PRE_MAXSIZE": 4096,
                "NMS_POST_MAXSIZE": 500,
            },
        },
    },
    "OPTIMIZATION": {"LR": 0.003},
}
CENTERS = {
    "NAME": "CenterHead",
    "CLASS_NAMES_EACH_HEAD": [["Pedestrian"], ["Car"]],
    "SHARED_CONV_CHANNEL": 8,
    "USE_BIAS_BEFORE_NORM": True,
    "NUM_HM_CONV": 2,
    "SEPARATE_HEAD_CFG": {
        "HEAD_ORDER": ["center", "center_z", "dim", "rot", "vel"],
        "HEAD_DICT": {
            name: {"out_channels": width, "num_conv": 2}
            for name, width in
            {"center": 2, "center_z": 1, "dim": 3, "rot": 2, "vel": 2}.items()
        },
    },
    "TARGET_ASSIGNER_CONFIG": {"FEATURE_MAP_STRIDE": 1, "MIN_RADIUS": 2},
    "POST_PROCESSING": {
        "SCORE_THRESH": 0.15,
        "POST_CENTER_LIMIT_RANGE": [-9, -9, -4, 9, 9, 2],
        "MAX_OBJ_PER_SAMPLE": 300,
        "NMS_CONFIG": {
            "NMS_TYPE": "nms_gpu",
            "NMS_THRESH": 0.2,
            "NMS_PRE_MAXSIZE": 1000,
            "NMS_POST_MAXSIZE": 83,
        },
    },
}  # fmt: skip


def changed(tree, **changes):
    """A copy of a tree of keys; ``a__b=value`` sets ``a.b``, None removes it."""
    tree = copy.deepcopy(tree)
    for path, value in changes.items():
        *above, last = path.split("__")
        place = tree
        for key in above:
            place = place[key]
        if value is None:
            del place[last]
        else:
            place[last] = value
    return tree


def write_yaml(folder, network, base=BASE):
    """Write both files where OpenPCDet has them; returns the network's."""
    cfgs = folder / "OpenPCDet" / "tools" / "cfgs"
    (cfgs / "dataset_configs").mkdir(parents=True, exist_ok=True)
    (cfgs / "some_models").mkdir(exist_ok=True)
    (cfgs / "dataset_configs" / "small.yaml").write_text(yaml.safe_dump(base))
    path = cfgs / "some_models" / "small_net.yaml"
    path.write_text(yaml.safe_dump(network))
    return path
