"""Build the detectors that look from above: points, pillars or voxels, a canvas, maps, boxes.

A batch of points in cells (``voxelize.py``) enters ``BevDetector`` in ``detector.py``; the maps of
a centre or anchor head leave it, and ``peaks.py`` makes boxes of them. Read ``detector.py`` first,
then ``build.py``, which makes one from its config. Only ``sparse_encoder.py`` imports spconv.
"""
