"""Score a checkpoint on a data set of labelled sweeps.

A checkpoint or a network in training and sources of ``training.datasets`` enter ``scoring.py``;
average precision, thresholds and reliability by class leave. ``norm_gap.py`` measures how batch
norm's two modes differ. Runs as ``python -m training.evaluate``.
"""
