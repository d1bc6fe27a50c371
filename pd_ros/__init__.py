"""3D boxes from LiDAR clouds."""

from pd_ros.openmp import wait_briefly

wait_briefly()  # whatever is imported from here, and every program's first line, comes after it
