"""3D boxes from LiDAR clouds."""

from pathlib import Path

from pd_ros.process.openmp import wait_briefly

# Programs without a folder of their own lie in commands/, and are called pd_ros.NAME.
__path__.append(str(Path(__file__).parent / "commands"))
wait_briefly()  # whatever is imported from here, and every program's first line, comes after it
