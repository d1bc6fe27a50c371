"""Play a recording to a detector that runs, by `ros2 bag`: ``python -m pd_ros.live_bag``."""

import sys

from pd_ros.ros.bag.live_bag import main

if __name__ == "__main__":
    sys.exit(main())
