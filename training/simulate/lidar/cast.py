"""Rays against triangles: the first surface that each ray meets."""

from typing import NamedTuple

import numpy as np
from embreex import rtcore_scene
from embreex.mesh_construction import TriangleMesh
from numpy.typing import NDArray

from training.simulate.bodies.mesh import Float64, Mesh


class Hits(NamedTuple):
    """First surfaces that the rays of one turn meet; ``[N]`` rays met one."""

    ray: NDArray[np.int64]  # [N] index of the direction
    distance_m: Float64  # [N]
    triangle: NDArray[np.int64]  # [N]
    cosine: Float64  # [N] of the angle of incidence, 1 for head on


class Scene:
    """Triangles that rays are cast into, prepared once for all rays."""

    def __init__(self, mesh: Mesh, centre: Float64) -> None:
        """``centre``: near which rays start; all places of rays are relative to it."""
        self._scene = None
        if len(mesh.triangles):
            self._scene = rtcore_scene.EmbreeScene()
            # Single precision is 4 micrometres at 50 m, but only near the origin.
            TriangleMesh(self._scene, (mesh.triangles - centre).astype(np.float32))

    def cast(self, origins: Float64, directions: Float64) -> Hits:
        """First hits of rays ``[R, 3]`` (unit vectors) from one origin ``[3]`` or ``[R, 3]``.

        Rays that meet nothing are left out; an empty mesh gives no hits.
        """
        if self._scene is None or not len(directions):
            none = np.zeros(0, dtype=np.int64)
            return Hits(none, np.zeros(0), none, np.zeros(0))
        starts = np.broadcast_to(origins, directions.shape).astype(np.float32)
        result = self._scene.run(
            np.ascontiguousarray(starts), directions.astype(np.float32), output=True
        )
        ray = np.flatnonzero(result["primID"] >= 0)
        normal = result["Ng"][ray].astype(np.float64)
        normal /= np.linalg.norm(normal, axis=1, keepdims=True) + 1e-12
        return Hits(
            ray,
            result["tfar"][ray].astype(np.float64),
            result["primID"][ray].astype(np.int64),
            np.abs((normal * directions[ray]).sum(axis=1)),
        )
