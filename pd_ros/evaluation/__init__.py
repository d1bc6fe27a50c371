"""Score boxes against labels: the rules of benchmarks, and one of our own for LiDAR frames.

Boxes and labels of frames enter; average precision, thresholds, errors and curves leave, as typed
results and as text. Read ``lidar.py`` first, the rule for recordings and simulated scenes, then
the folder ``operating`` for what a vehicle sees at its thresholds and ``agreement.py`` for two
detectors side by side. A public benchmark's rule has a folder of its own: ``kitti``, ``nuscenes``,
``waymo``.
"""
