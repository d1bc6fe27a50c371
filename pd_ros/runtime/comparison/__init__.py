"""Compare the detector's boxes with a teacher's while both run, without ROS.

Clouds and the detector's answers to them, paired by equal stamps (``exact_time_sync.py``), enter;
agreement over the last clouds leaves, and the clouds with the most disagreement are kept as
recordings. Read ``engine.py`` first, then ``comparison.py`` and ``window.py``.
"""
