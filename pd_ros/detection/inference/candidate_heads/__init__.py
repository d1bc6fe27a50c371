"""Heads on a CPU: scores in every cell, boxes in the cells of candidates alone.

A canvas enters, ``CellMaps`` leave. Read ``anchor_dense.py`` for heads with anchors and
``center_dense.py`` for centre heads; ``pd_ros.detection.inference.backends`` chooses.
"""
