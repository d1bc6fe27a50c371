"""Detect 3D boxes in LiDAR clouds: a ROS 2 node, and tools that replay, score and inspect.

``detection`` is the method (torch, no ROS), ``runtime`` the node's work without ROS, ``ros`` the
nodes; ``pointcloud`` and ``recordings`` read clouds, ``evaluation`` scores boxes; ``replay``,
``evaluate_recording``, ``inspect_cloud`` and ``benchmark`` are commands. Imports point one way,
from the nodes and commands to ``detection``. ``python -m pd_ros`` lists all commands.
"""

from pathlib import Path
from typing import TYPE_CHECKING

from pd_ros.process.openmp import wait_briefly
from pd_ros.process.stop_signals import end_at_once_while_importing

# Programs without a folder of their own lie in commands/, and are called pd_ros.NAME.
__path__.append(str(Path(__file__).parent / "commands"))
end_at_once_while_importing()
wait_briefly()  # whatever is imported from here, and every program's first line, comes after it

if TYPE_CHECKING:
    __version__: str
else:

    def __getattr__(name: str) -> str:
        """Read the version when it is asked for: that takes as long as all other lines here."""
        if name != "__version__":
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        from pd_ros.process.version import read_version  # noqa: PLC0415

        return read_version()
