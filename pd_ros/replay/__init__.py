"""Run a detector over recorded clouds: its boxes, how long they take, and how right they are.

A checkpoint and a source of ``pd_ros.recordings`` enter; ``Replay`` in ``run.py`` collects what is
found, and ``report.py`` writes it as JSON, text and pictures. Read ``run.py`` first;
``live_result.py`` holds the same of a replay through the real node. Runs as ``python -m
pd_ros.replay``.
"""
