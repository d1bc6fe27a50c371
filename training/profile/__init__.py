"""Measure what detectors cost: parameters, multiply-adds, latency by stage, memory.

Checkpoints or configs and a cloud enter; a table, CSV, JSON and a picture leave. Read
``measure.py`` for everything that is measured, ``operations.py`` for how operations are counted.
Runs as ``python -m training.profile``.
"""
