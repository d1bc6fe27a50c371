"""Simulate a LiDAR in made-up streets, to train, test and show detectors without data.

A seed and a sensor enter; labelled sweeps (``frames.py``), drives (``drive.py``), recordings and
pictures leave. Read ``frames.py`` first. ``world`` places streets and who moves in them,
``bodies`` gives them meshes, ``lidar`` casts the rays. Runs as ``python -m training.simulate``.
"""
