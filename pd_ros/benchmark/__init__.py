"""How fast detectors are on this machine, and by how much faster than published code."""
