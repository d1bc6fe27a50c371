"""Distil feature maps: a method or a few related ones a file, named after the papers' methods.

The outputs of student and teacher (``DistillBatch``) enter; a scalar loss leaves. Read
``similarity.py`` for a short one, then ``imitation.py`` for one with an adapter that learns along.
"""
