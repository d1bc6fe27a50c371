"""Build PointRCNN: boxes from raw points in two stages (Shi et al. 2019).

A fixed number of points of each cloud (``sampling.py``) enters ``PointRcnn`` in ``detector.py``;
the first stage's boxes and the refined proposals leave it, and ``decode.py`` makes detections of
them. Read ``detector.py`` first, then ``heads.py`` and ``box_coder.py``.
"""
