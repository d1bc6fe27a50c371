"""Lay out a street: ground, houses and clutter, parked vehicles, traffic, walkers.

A random generator enters ``make_street`` in ``street.py``; meshes that stay and actors with their
poses over time leave, in metres. Read ``street.py`` first; ``clearance.py`` sees that nothing
stands in anything else.
"""
