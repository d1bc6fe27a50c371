"""Programs that have no folder of their own; each is run as ``python -m pd_ros.NAME``.

``pd_ros`` looks for its modules here as well (``__path__``), so that a program may lie where its
code belongs and still be started by the name that scripts and launch files know.
"""
