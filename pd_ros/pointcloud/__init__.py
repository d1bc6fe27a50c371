"""Read clouds of points from bytes, without ROS: PointCloud2 messages, .bin and .pcd files.

Untrusted bytes and their header enter; a checked layout, and points ``[N, 3 + C]`` float32 in
metres, leave, or a ``CloudError`` that says what is wrong. Read ``layout.py`` for what is checked
before a byte is read, then ``decode.py``. ``statistics.py`` measures a cloud,
``training_statistics.py`` keeps that of a training set.
"""
