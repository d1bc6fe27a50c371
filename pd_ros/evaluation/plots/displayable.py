"""Names that anybody may have given, in what people read."""


def displayable(text: str) -> str:
    r"""Return text that UTF-8 can have: bytes of a file's name that are none become ``\udc..``."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def undecorated(text: str) -> str:
    """Return text that matplotlib draws as it is: without formulas between dollar signs."""
    drawn = displayable(text).replace("$", r"\$")
    return f" {drawn}" if drawn.startswith("_") else drawn  # else a legend leaves it out
