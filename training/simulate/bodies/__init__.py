"""Make the meshes of road users: vehicles, pedestrians, cyclists.

Sizes and a random generator enter; triangles with materials leave, facing +x, centred over their
footprint, in metres. Read ``mesh.py`` for the solids, then ``vehicles.py``.
"""
