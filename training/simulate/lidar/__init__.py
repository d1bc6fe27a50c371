"""Observe a street with a spinning LiDAR: beams, surfaces that they meet, returns.

A street, a time and a sensor enter ``observe.py``; points with intensity and the boxes that are
seen leave, in the sensor's frame. Read ``observe.py``, then ``sensor.py`` and ``receive.py``.
"""
