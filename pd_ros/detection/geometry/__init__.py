"""Compute with upright boxes ``[N, 7]``: corners, exact overlap from above and in space, NMS.

Everything here is public under ``pd_ros.detection.boxes``; import it from there. Read
``overlap.py`` first; ``footprints.py`` holds the quick bounds with which ``nms.py`` spares most
exact overlaps.
"""
