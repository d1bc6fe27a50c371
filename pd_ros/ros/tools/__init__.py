"""Try and measure the real node over DDS: live replay, one live cloud, delivery, overhead.

Each command starts nodes in processes of their own (``node_process.py``) and plays clouds to them
(``live_player.py``). Read ``live_replay.py`` first: it replays a recording through the node in
real time and scores what comes back.
"""
