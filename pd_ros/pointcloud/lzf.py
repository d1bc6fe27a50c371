"""Decompression of LZF, the format of M. Lehmann's liblzf, which PCD files are compressed by.

A control byte below 32 is followed by so many bytes and one more, as they are. Any other starts a
copy of what came before: its upper three bits are the length less 2 (7: the next byte adds to
it), its lower five bits and one more byte the distance less 1.
"""

_LITERAL = 32  # control bytes below it
_LONG = 7
# 3 bytes give 264 at most.
MAX_RATIO = 88


def decompress(data: bytes, size: int) -> bytes:
    """Return the ``size`` bytes that were compressed; none from no data.

    Raises ``ValueError`` for data that is cut or damaged, or gives another number of bytes. Never
    makes much more than ``size`` bytes.
    """
    out, place, end = bytearray(), 0, len(data)
    try:
        while place < end and len(out) <= size:
            control = data[place]
            place += 1
            if control < _LITERAL:
                out += data[place : place + control + 1]
                place += control + 1
                continue
            length = control >> 5
            if length == _LONG:
                length += data[place]
                place += 1
            distance = ((control & 31) << 8) + data[place] + 1
            place += 1
            _copy(out, distance, length + 2)
    except IndexError:
        raise ValueError("the compressed data ends too early") from None
    if place != end or len(out) != size:
        raise ValueError(f"the compressed data gives {len(out)} bytes, expected {size}")
    return bytes(out)


def _copy(out: bytearray, distance: int, length: int) -> None:
    """Append bytes from ``distance`` before the end; they may reach into themselves."""
    start = len(out) - distance
    if start < 0:
        raise ValueError(f"the compressed data refers to {-start} bytes before its beginning")
    if distance >= length:
        out += out[start : start + length]
        return
    pattern = out[start:]
    out += (pattern * (length // distance + 1))[:length]
