"""Connect the detector to ROS 2: the only folder that imports rclpy, messages or tf2.

Clouds come in on ``points``, detections, markers and diagnostics go out; what happens in between
is in ``pd_ros.runtime``, which knows no ROS. Read ``detector_node.py`` for the lifecycle node,
``engine.py`` for what it works with once configured, and ``comparison_node.py`` for the teacher
beside it. ``execution`` runs nodes as programs; ``bag``, ``soak`` and ``tools`` try them.
"""
