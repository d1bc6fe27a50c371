"""Messages about networks that answer values that are not finite; no torch needed."""

NOT_FINITE = (
    "values of the network that are not finite"  # what ``InferenceResult.not_finite`` counts
)
NOT_FINITE_ADVICE = (
    "they are no boxes: its weights are damaged, or too large for its precision; choose another"
    " checkpoint or fp32, and look at the intensities of the clouds"
)
