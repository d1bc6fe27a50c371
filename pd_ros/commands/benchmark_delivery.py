"""Measure how clouds and boxes travel: ``python -m pd_ros.benchmark_delivery``."""

import sys

from pd_ros.ros.tools.benchmark_delivery import main

if __name__ == "__main__":
    sys.exit(main())
