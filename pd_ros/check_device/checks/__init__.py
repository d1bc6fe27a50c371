"""The checks, a file each: ``check`` takes a ``Setting`` and gives a ``Finding``.

They go from the driver over the parts of a detector, one after the other, to the node's own path.
Each part is given what the CPU made of the part before it, so that the first one that differs is
the one at fault. Read ``dense.py`` for an example; that of training steps lies in ``training``.
"""
