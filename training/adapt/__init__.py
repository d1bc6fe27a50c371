"""Adapt the student that ships to somebody's own LiDAR: simulate it, distil, measure, report.

A sensor and how it is mounted enter ``__main__.py``; a checkpoint, a report and a parameter file
for the node leave. Read ``steps.py`` first, then ``scenes.py`` and ``student.py``.
"""
