"""Score detections by the rule of the KITTI object benchmark: AP in 2D, BEV and 3D, and AOS.

Label and result files, or boxes in the LiDAR frame (``camera.py`` brings them over), enter; a
``KittiReport`` leaves. Read ``metric.py`` first, then ``labels.py`` for the files.
"""
