"""What the launch files know and look at before and after a node runs; plain Python.

Not part of pd_ros: what that sets for its own processes when it is imported would be inherited by
everything else that is launched.
"""
