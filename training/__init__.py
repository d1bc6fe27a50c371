"""Simulating a LiDAR, training detectors and distilling them."""

from pd_ros.process.openmp import wait_briefly

wait_briefly()  # as pd_ros says it of itself; torch may be what a training module imports first
