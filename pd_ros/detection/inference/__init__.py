"""Make a trained network fast on one cloud at a time, with the same answers.

A network and its config enter ``make_inference`` in ``pipeline.py``; a callable from one cloud's
points to boxes leaves. Batch norm is folded into weights, precision and backend (torch, OpenVINO,
TensorRT) are chosen, and on a GPU the work is recorded as a CUDA graph. Read ``pipeline.py``
first, then ``backends.py``. Sparse convolutions on a CPU: ``sparse``. Loops that are compiled:
``compiled``. Products of matrices of changing size: ``row_counts.py``.
"""
