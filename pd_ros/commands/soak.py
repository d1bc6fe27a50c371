"""Soak-test the real node with faults: ``python -m pd_ros.soak``."""

import sys

from pd_ros.ros.soak.run import main

if __name__ == "__main__":
    sys.exit(main())
