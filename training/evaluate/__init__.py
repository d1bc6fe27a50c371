"""Score a checkpoint on a data set of labelled sweeps."""
