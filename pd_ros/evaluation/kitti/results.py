"""Result files of the KITTI object benchmark: what ``read_detections`` reads."""

import numpy as np

from pd_ros.evaluation.kitti.labels import KittiObjects

_TYPES = ("Car", "Van", "Truck", "Pedestrian", "Person_sitting", "Cyclist", "Tram", "Misc")
_SPELLING = {name.lower(): name for name in _TYPES}


def result_text(objects: KittiObjects) -> str:
    """Return the file of one frame's detections, a line for each; "" of none.

    Classes are spelled as the benchmark does, others as they are but without spaces.
    """
    ahead, left, up, length, width, height, yaw = objects.boxes.T
    turn = -(yaw + np.pi / 2)  # the inverse of upright_boxes
    rotation_y = (turn + np.pi) % (2 * np.pi) - np.pi
    columns = (
        objects.truncated, objects.occluded, objects.alpha, *objects.image_boxes.T,
        height, width, length, -left, height / 2 - up, ahead, rotation_y,
    )  # fmt: skip
    rows = np.stack(columns, axis=1).tolist()
    return "".join(
        f"{_type_of(name)} {row[0]:g} {row[1]:g} {' '.join(f'{value:.4f}' for value in row[2:])}"
        f" {score:.9g}\n"
        for name, row, score in zip(objects.names, rows, objects.scores.tolist(), strict=True)
    )


def _type_of(name: str) -> str:
    return _SPELLING.get(name.lower(), "_".join(name.split()))
