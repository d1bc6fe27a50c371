"""Behave well as a process: signals, memory, unfinished files, command lines.

Needs Python's standard library alone, so every other folder may import it, also before torch or
rclpy. Read ``run_command.py`` for what every command does alike, ``stop_signals.py`` for Ctrl-C at
any moment and ``unfinished.py`` for files that are written whole or not at all.
"""
