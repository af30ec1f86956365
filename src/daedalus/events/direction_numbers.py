"""Direction numbers of Sobol's sequence: what makes a point of every index, dimension by dimension."""

from __future__ import annotations

import numpy as np
from jaxtyping import UInt32

WORD_BITS = 32  # binary digits of a coordinate, and of an index

# One row for every dimension from the second on: the inner coefficients of a primitive polynomial over the integers
# modulo two, as the bits of a number, and the first direction integers, as many as the polynomial's degree. S. Joe
# and F. Y. Kuo, SIAM J. Sci. Comput. 30 (2008) 2635, their file new-joe-kuo-6.21201, lines 2 to 16.
JOE_KUO = (
    (0, (1,)),
    (1, (1, 3)),
    (1, (1, 3, 1)),
    (2, (1, 1, 1)),
    (1, (1, 1, 3, 3)),
    (4, (1, 3, 5, 13)),
    (2, (1, 1, 5, 5, 17)),
    (4, (1, 1, 5, 5, 5)),
    (7, (1, 1, 7, 11, 19)),
    (11, (1, 1, 5, 1, 1)),
    (13, (1, 1, 1, 3, 11)),
    (14, (1, 3, 5, 5, 31)),
    (1, (1, 3, 3, 9, 7, 49)),
    (13, (1, 1, 1, 15, 21, 21)),
    (16, (1, 3, 1, 13, 27, 49)),
)
DIMENSIONS = 1 + len(JOE_KUO)  # the first dimension is van der Corput's: the digits of the index, mirrored


def direction_numbers() -> UInt32[np.ndarray, "dimension digit"]:
    """What each binary digit of an index, the lowest first, contributes to a coordinate times 2**32 [1].

    A coordinate is the sum modulo two of the numbers of those digits that are one. With the polynomial
    x^s + a_1 x^(s-1) + ... + a_(s-1) x + 1 the direction integers go on as m_k = 2 a_1 m_(k-1) ^ 4 a_2 m_(k-2) ^ ...
    ^ 2^s m_(k-s) ^ m_(k-s), and digit k (from one) contributes m_k 2^-k (Joe and Kuo 2008, equation 2.2, after
    Sobol', USSR Comput. Math. Math. Phys. 7 (1967) 86).
    """
    rows = [[1] * WORD_BITS]
    for coefficients, first in JOE_KUO:
        degree, integers = len(first), list(first)
        for k in range(degree, WORD_BITS):
            new = integers[k - degree] ^ integers[k - degree] << degree
            for j in range(1, degree):
                if coefficients >> (degree - 1 - j) & 1:
                    new ^= integers[k - j] << j
            integers.append(new)
        rows.append(integers)
    places = WORD_BITS - 1 - np.arange(WORD_BITS, dtype=np.uint64)
    return (np.array(rows, np.uint64) << places).astype(np.uint32)
