"""Sparse convolutions on a CPU, on all threads, with the same sums for any number of them.

Voxels enter ``encoder.py``, a canvas leaves. ``rulebook.py`` says which voxels meet under a
kernel, ``products.py`` gathers and multiplies them.
"""
