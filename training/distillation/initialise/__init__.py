"""Start a student from a part of its teacher's weights, by index or by least squares.

The teacher's network and, for the choice of channels, some frames enter ``start.py``; the
student's first weights leave. Read ``start.py``, then ``copy_weights.py`` and ``channels.py``;
``requirements.py`` says which networks fit.
"""
