"""Make targets of the teacher's boxes: more labels, pseudo labels, other assignments.

A batch and the teacher's output enter; new targets for the student leave. Read
``teacher_labels.py`` first; ``calibration.py`` says how often boxes of a score are right.
"""
