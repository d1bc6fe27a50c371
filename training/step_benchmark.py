"""Measure training steps a second: ``python -m training.step_benchmark``."""

import sys

from training.benchmark.step_speed import main

if __name__ == "__main__":
    sys.exit(main())
