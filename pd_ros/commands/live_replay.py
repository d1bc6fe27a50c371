"""Replay a recording to the real node over DDS, and score it: ``python -m pd_ros.live_replay``."""

import sys

from pd_ros.ros.tools.live_replay import main

if __name__ == "__main__":
    sys.exit(main())
