"""Features of a point beside x, y, z that models may want."""

INTENSITY = "intensity"
# Fields of a cloud that follow the intensity where a model wants them; 0 where there are none.
EXTRA_FIELDS = ("elongation",)
TIME_LAG = "time_lag"  # no field: the age of a sweep among several
