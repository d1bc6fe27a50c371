"""Check parameter files before a node is launched, and restart it after; plain Python.

Not part of pd_ros: what that sets for its own processes when it is imported would be inherited by
everything else that is launched.
"""
