"""Describe networks: frozen configs that are read once from YAML and checked at once.

YAML or a checkpoint's metadata enters; a config leaves, or a ``ValueError`` that names file and
key. Read ``bev.py`` for a whole BEV detector, ``parts.py`` for its encoder, backbone, neck and
head, and ``base.py`` for how a file is read.
"""
