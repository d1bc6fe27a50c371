"""Say within minutes whether a device, mostly a GPU nobody has tried, runs all of this package.

``plan.py`` lists the checks, ``checks/`` holds them. Each is one function from a ``Setting`` to a
``Finding`` (``check.py``); ``supervisor.py`` runs them in a process of their own, so that none
that fails, crashes or hangs hides the others. ``report.py`` makes the table, the JSON and the text
for an issue of what came out. Read ``check.py`` first, then ``plan.py``.
"""
