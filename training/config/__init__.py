"""Describe training runs: frozen configs that are read once from YAML and checked at once.

A YAML file enters ``load_config``; a ``TrainConfig`` (``run.py``) leaves, or a ``ValueError`` that
names the key. Read ``run.py`` first, then ``distillation.py``, which lists the methods; their
settings are in ``compared.py``, ``sparse.py`` and ``point.py``, by the paper they come from.
"""
