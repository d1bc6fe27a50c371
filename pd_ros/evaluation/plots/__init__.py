"""Draw clouds, boxes and scores: pictures from above, animations of drives, charts.

Clouds with boxes, or curves and figures, enter; PNG or WebP files leave, without a window. Read
``birdseye.py`` for one cloud from above and ``charts.py`` for curves and bars.
"""
