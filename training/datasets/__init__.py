"""Read labelled sweeps of many formats as the same ``Frame``.

A source of a run's YAML enters ``open_source`` in ``source.py``; frames leave: points ``[N, 3 +
C]``, boxes ``[M, 7]`` and labels in the LiDAR's frame (``frame.py``). Read ``frame.py`` and
``source.py`` first, then ``npz.py`` as the shortest reader. ``survey.py`` finds what is wrong with
a data set.
"""
