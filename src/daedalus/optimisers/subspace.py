"""Active subspaces: the few directions along which slopes were found, as far as noise lets one tell."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

MARGIN = 1.1  # [1]; on the edge of the noise, which finite matrices may exceed by a little


def active_subspace(
    slopes: Float[np.ndarray, "slope param"], errors: Float[np.ndarray, "slope"], *, limit: int
) -> Float[np.ndarray, "param active"]:
    """Orthonormal directions that span what independently measured slopes have in common; perhaps none.

    Each slope is divided by its error. Of noise alone, K slopes of n components have singular values up to sqrt(K) +
    sqrt(n) (Marchenko and Pastur, Math. USSR Sb. 1 (1967) 457, at its edge); directions with larger ones are kept,
    largest first. Where directions are few the slopes' mean outer product is the active subspace of Constantine et
    al. (SIAM J. Sci. Comput. 36 (2014) A1500).

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
    kept = int(np.sum(singular > MARGIN * (np.sqrt(count) + np.sqrt(size))))
    return directions[: min(kept, limit)].T
