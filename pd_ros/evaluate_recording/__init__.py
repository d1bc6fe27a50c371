"""Score one or more detectors on recordings: how right, how fast, and where they are wrong.

Recordings with labels, or a teacher in their place, and checkpoints enter; a page of HTML, JSON,
pictures and a recording for viewers leave. Read ``run.py`` for one pass over a recording,
``frames.py`` for what is kept of a cloud, ``summary.py`` for the figures and
``evaluation_page.py`` for the page. Runs as ``python -m pd_ros.evaluate_recording``.
"""
