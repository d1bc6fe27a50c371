"""Observe a street with LiDARs: beams, surfaces that they meet, returns.

A street, a time and a rig of sensors enter ``observe.py``; points with intensity and the boxes
that are seen leave, in the rig's frame. Read ``observe.py``, ``sensor.py``, then ``receive.py``.
"""
