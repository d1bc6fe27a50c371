"""Hold an object's shape together with the box that is its label."""

from typing import NamedTuple

import numpy as np

from training.simulate.bodies.mesh import Float64, Mesh, shift


class Body(NamedTuple):
    """An object's shape and the box around it: nose along +x, centred, standing on z = 0."""

    mesh: Mesh
    length: float
    width: float
    height: float


def enclose(mesh: Mesh, least: Float64 | None = None) -> Body:
    """Centre a shape over the box that encloses it.

    ``least`` ``[2]`` is the least length and width in metres: people's labels are wider than the
    moment shows, because one box serves for every step that they take.
    """
    low = mesh.triangles.min(axis=(0, 1))
    high = mesh.triangles.max(axis=(0, 1))
    middle = (low + high) / 2
    centred = shift(mesh, -middle[0], -middle[1], -low[2])
    length, width, height = (high - low).tolist()
    if least is not None:
        length, width = np.maximum((length, width), least).tolist()
    return Body(centred, length, width, height)
