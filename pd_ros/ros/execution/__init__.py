"""Run nodes as programs that survive errors in callbacks and end well whatever stops them.

A class of node enters ``start_program`` in ``program.py``; an exit code leaves. Read
``program.py`` first, then ``guarded_executor.py``, which goes on after an error, and
``timers.py``.
"""
