"""Read nuScenes from its own tables and files, without its devkit.

The folder of the data set and a split enter ``reader.py``; frames leave, in the LiDAR's frame with
x forward, with velocities. Read ``reader.py``, then ``tables.py``.
"""
