"""Distil what heads say: heatmaps, classes and boxes, by positions that count.

The outputs of student and teacher (``DistillBatch``) and targets enter; a scalar loss leaves. Read
``regression.py`` for the shortest, then ``logit.py``; ``anchor_terms.py`` serves anchor heads.
"""
