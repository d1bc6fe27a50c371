"""What a topic shows of a detector: boxes from its score thresholds on, and what scores are worth.

Ground truth and detections of frames enter; found objects, ghosts, errors of the boxes that are
right, thresholds and calibration leave. Read ``scores.py`` first, then ``reliability.py`` and
``platt_scaling.py``; ``report.py`` writes the figures down, ``worst_boxes.py`` picks the mistakes
that are worth a look.
"""
