"""Run the jobs of a benchmark side by side, each in processes and a folder of its own.

A ``Job`` (``job.py``) enters; its folder with a checkpoint and its score leaves. Read ``job.py``
first, then ``pool.py``, which runs them, and ``slots.py``, which shares out GPUs and cores.
"""
