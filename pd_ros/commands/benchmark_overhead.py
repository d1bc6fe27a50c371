"""Measure what the node costs beside its network: ``python -m pd_ros.benchmark_overhead``."""

import sys

from pd_ros.ros.tools.benchmark_overhead import main

if __name__ == "__main__":
    sys.exit(main())
