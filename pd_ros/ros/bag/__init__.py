"""Play a recording to a running detector by ``ros2 bag``, and record what it answers.

A recording and topics enter; a recording of the answers leaves. Read ``live_bag.py``, the command,
then ``session.py`` for who is started when and ``client.py`` for how the detector is watched. Runs
as ``python -m pd_ros.live_bag``.
"""
