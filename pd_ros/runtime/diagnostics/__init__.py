"""Say how the node is and why there are no boxes, without ROS.

Counts, timings and clouds enter; levels of ``/diagnostics`` with a sentence and advice leave. Read
``status.py`` for the judgement of counts, ``cloud_inspection.py`` and ``cloud_checks.py`` for that
of a cloud's content, ``silence.py`` for why no cloud comes. ``report.py`` puts all of it together.
"""
