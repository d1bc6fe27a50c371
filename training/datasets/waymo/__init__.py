"""Read the Waymo Open Dataset v2 from its parquet files, without TensorFlow.

The folder of a split enters ``reader.py``; frames in the vehicle's frame leave. Read
``reader.py``, then ``tables.py`` for the files and ``points.py`` for range images.
"""
