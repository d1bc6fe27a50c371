"""Read and write recordings and clouds, without ROS: rosbag2, ROS 1 bags, .bin, .npz, .pcd.

A path enters ``open_source`` in ``sources.py``; sweeps leave, each with points, stamp and, where
there are any, labels. Boxes are written as messages that ROS, RViz and Foxglove read. Read
``sources.py`` first, then ``bag.py``, ``cloud_files.py`` and ``labels.py``.
"""
