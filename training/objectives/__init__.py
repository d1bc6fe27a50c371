"""Say what heads should answer and how wrong they are: targets and losses of each family.

Boxes and labels of a batch enter; targets leave, and named losses of a network's output against
them. Read ``families.py``, the table of what each kind of network learns from, then
``center_targets.py`` and ``center_loss.py``.
"""
