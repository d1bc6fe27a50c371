"""Train detectors, distil them, and simulate a LiDAR to train on; never installed on a vehicle.

A run's YAML (``config``) and labelled sweeps (``datasets``, ``simulate``) become ``batches``;
``loop`` trains on them by the targets and losses of ``objectives`` and, with a teacher, of
``distillation``, and writes checkpoints that ``pd_ros`` runs. Start at ``train.py``. ``evaluate``,
``profile`` and ``benchmark`` measure what came out.
"""

from pd_ros.process.openmp import wait_briefly

wait_briefly()  # as pd_ros says it of itself; torch may be what a training module imports first
