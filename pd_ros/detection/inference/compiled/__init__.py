"""Loops over points, pillars and voxels for a CPU, compiled by numba.

Read ``pillar_canvas.py`` first: points to a canvas in two passes, whose loops are
``pillar_kernels.py``; ``machine_code.py`` compiles and loads them. The sparse networks' loops are
``sparse_matching.py``. Only the last and the kernels import numba.
"""
