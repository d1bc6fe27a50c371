"""Measure how fast detectors are on this machine, and by how much faster than published code.

Clouds and a checkpoint enter; times by stage, ratios of ways timed in turn and peak memory leave,
as a table and as JSON. Read ``run.py`` for what is measured of a model, ``timing.py`` for how ways
are timed so that other work on the machine hits all alike, and ``reference.py`` for the published
code. Runs as ``python -m pd_ros.benchmark``.
"""
