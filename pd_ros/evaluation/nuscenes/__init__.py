"""Score detections by nuScenes' rule: AP by centre distance, five errors of what is found, NDS.

The data set's tables and a result file in nuScenes' JSON enter; a report leaves. Read
``metric.py`` first, then ``errors.py`` and ``curve.py``.
"""
