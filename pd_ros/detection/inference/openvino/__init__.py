"""The dense part run by OpenVINO on a CPU, as converted from torch or quantised to int8.

Read ``dense.py`` first, which runs it. ``convert.py`` makes OpenVINO's network of torch's and
keeps it; ``quantise.py`` makes one in int8 (needs NNCF).
"""
