"""Teach a student by a trained teacher: methods, what each requires, and their losses.

A batch and the student's output enter the ``Distiller`` (``distiller.py``), which asks the teacher
and returns named losses. Read ``method.py`` for what a method is and ``methods.py`` for the table
of all. Methods lie in ``response`` (what heads say), ``feature`` (maps), ``labels`` (targets from
the teacher's boxes) and ``initialise`` (first weights).
"""
