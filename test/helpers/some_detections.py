"""A header and detections for the tests of messages."""

import torch
from std_msgs.msg import Header

from pd_ros.detection.types import Detections

CLASSES = ("Car", "Pedestrian", "Cyclist")
HEADER = Header(frame_id="lidar_top")
HEADER.stamp.sec, HEADER.stamp.nanosec = 12, 345


def found(boxes, labels=None, scores=None):
    count = len(boxes)
    return Detections(
        torch.tensor(boxes, dtype=torch.float32).view(-1, 7),
        torch.tensor(scores or [0.5] * count),
        torch.tensor(labels or [0] * count, dtype=torch.int64),
    )
