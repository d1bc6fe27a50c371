"""Make batches of labelled sweeps: draw, augment, paste objects, collate, send to the device.

Sources of ``training.datasets`` enter the loader (``loader.py``); a ``Batch`` leaves, with what a
step gives to student and teacher and what it expects of them. Read ``collate.py`` for the batch
itself, then ``loader.py``; ``augment.py``, ``object_noise.py`` and ``paste.py`` change frames on
the way.
"""
