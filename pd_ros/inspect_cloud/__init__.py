"""Say why a detector finds no boxes: one cloud against the clouds that it was trained on.

A recording, a file or a live topic and a checkpoint enter; findings with advice leave, as text and
JSON. ``__main__.py`` is the command, ``inspection.py`` its options and output; the checks
themselves are those of the node, in ``pd_ros.runtime.diagnostics``. Runs as ``python -m
pd_ros.inspect_cloud``.
"""
