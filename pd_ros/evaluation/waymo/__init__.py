"""Score detections by the rule of the Waymo Open Dataset: AP and APH in 3D, LEVEL_1 and LEVEL_2.

Frames of labels and detections, maybe from JSON (``frames.py``), enter; a report leaves. Read
``metric.py`` first, then ``assignment.py`` for how boxes are paired.
"""
