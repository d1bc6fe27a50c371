"""Independent jobs on this machine's processes or on a cluster of many machines, by Dask.

Jobs enter one after the other, outcomes leave as they come; one that fails is tried again and at
last reported, and the others go on. Read ``run.py`` for the loop, ``open_pool.py`` for where jobs
run and ``worker.py`` for what surrounds a job there. What a job gives must not depend on where
it ran.
"""
