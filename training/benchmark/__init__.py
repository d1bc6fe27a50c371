"""Compare distillation methods: pairs x methods x seeds, each trained and scored alike.

A suite's YAML (``suite.py``) enters; folders of runs, a CSV, tables and pictures leave. Read
``suite.py`` and ``grid.py`` for which runs there are, ``scheduler.py`` for their order,
``search.py`` for how weights are chosen. ``jobs`` runs them, ``results`` says what came out. Runs
as ``python -m training.benchmark``. ``step_speed.py`` times training steps, and ``check_steps.py``
compares them with the CPU's for ``pd_ros.check_device``.
"""
