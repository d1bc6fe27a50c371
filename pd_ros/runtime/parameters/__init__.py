"""Define the nodes' parameters: names, defaults, limits, descriptions, and what they become.

``specs.py`` and ``comparison_specs.py`` are the tables that everything is made from, the page of
parameters too. Values enter; ``rules.py`` refuses bad ones, and ``read.py`` makes settings of
them. ROS is not needed; ``pd_ros.ros.parameters`` declares them.
"""
