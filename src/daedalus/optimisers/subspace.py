"""Active subspaces: the few directions along which slopes were found, as far as noise lets one tell."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

MARGIN = 4.0  # [1]; noise exceeds the edge by so much with a probability below exp(-8)


def active_subspace(
    slopes: Float[np.ndarray, "slope param"], errors: Float[np.ndarray, "slope"], *, limit: int
) -> Float[np.ndarray, "param active"]:
    """Orthonormal directions that span what independently measured slopes have in common; perhaps none.

    Each slope is divided by its error. The singular values of K slopes that are noise alone, of n components, exceed
    sqrt(K) + sqrt(n) + t with a probability below exp(-t^2 / 2) (Davidson and Szarek, Handbook of the Geometry of
    Banach Spaces 1 (2001), theorem II.13); directions with larger ones are kept, largest first. They are the leading
    eigenvectors of the slopes' mean outer product, as in Constantine et al., SIAM J. Sci. Comput. 36 (2014) A1500.

    Args:
        slopes: one in each row.
        errors: standard error of the components of each.
        limit: the largest number of directions [1].
    """
    count, size = slopes.shape
    usable = np.isfinite(slopes).all(1) & np.isfinite(errors)
    whitened = np.where(usable[:, None], slopes, 0.0) / np.maximum(np.where(usable, errors, 1.0), 1e-12)[:, None]
    if count == 0 or not np.any(whitened):
        return np.zeros((size, 0))
    _, singular, directions = np.linalg.svd(whitened, full_matrices=False)
    kept = int(np.sum(singular > np.sqrt(count) + np.sqrt(size) + MARGIN))
    return directions[: min(kept, limit)].T
