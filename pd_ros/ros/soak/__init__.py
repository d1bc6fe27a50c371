"""Soak-test the real node: minutes of clouds of changing size, with faults among them.

The node runs in a process of its own; a report of memory, answers and latency leaves, and an exit
code. Read ``run.py`` first, then ``faults.py`` for the broken clouds and ``requests.py`` for the
requests that the node has to refuse. Runs as ``python -m pd_ros.soak``.
"""
