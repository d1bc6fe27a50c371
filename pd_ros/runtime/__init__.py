"""Do the node's work without ROS: from the bytes of a cloud to boxes, settings, counts, timings.

A serialised cloud and frozen ``Settings`` enter ``DetectionPipeline`` in ``pipeline.py``; boxes in
the output frame leave. ``latest_worker.py`` calls it on a thread that takes the newest cloud only.
Read ``pipeline.py`` first, then ``settings.py`` and ``model_loading.py``. ``parameters`` says what
may be set, ``diagnostics`` judges how it goes, ``comparison`` measures agreement with a teacher.
"""
