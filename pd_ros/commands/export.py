"""Write the dense part of a checkpoint as ONNX: ``python -m pd_ros.export``."""

import sys

from pd_ros.detection.inference.export import main

if __name__ == "__main__":
    sys.exit(main())
