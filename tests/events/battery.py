"""A statistical battery for streams of random words that belong to (key, lane, draw, event).

A generator is a function ``words(key, lane, draws, events)`` of 32-bit words, shape (draws, events).
Every test returns a two-sided p-value, uniform between 0 and 1 for a perfect generator. The tests are the
classical ones of Knuth, The Art of Computer Programming, volume 2 (3rd edition, 1997), section 3.3.2
(equidistribution, serial, gap, runs) and correlations of neighbours in every direction of the counter, where
counter-based generators fail first (Salmon et al., SC11, 2011, section 3).
"""

import numpy as np
from scipy import stats

EVENTS = 2**18
NEIGHBOURS = ("event", "draw", "lane", "key")


def battery(words):
    """The p-value of every test, by name."""
    found = {}
    table = words(key=11, lane=0, draws=4, events=EVENTS)
    along = {"event": table.reshape(-1), "draw": table.T.reshape(-1)}
    found["equidistribution, high bits"] = chi_square(np.bincount(along["draw"] >> 20, minlength=4096))
    found["equidistribution, low bits"] = chi_square(np.bincount(along["draw"] & 4095, minlength=4096))
    found["moments"] = moments(along["draw"])
    for name, sequence in along.items():
        for dimensions in (2, 3):
            found[f"serial, {dimensions} dimensions, by {name}"] = serial(sequence, dimensions)
        found[f"gaps, by {name}"] = gaps(sequence)
        found[f"runs, by {name}"] = runs(sequence)
    for direction in NEIGHBOURS:
        one, other = neighbours(words, direction)
        found[f"correlation, adjacent {direction}"] = correlation(one, other)
        found[f"changed bits, adjacent {direction}"] = changed_bits(one, other)
        found[f"pairs, adjacent {direction}"] = cells([one, other], 6)
    found["Kolmogorov-Smirnov"] = stats.kstest(unit(table.reshape(-1)), "uniform").pvalue
    return found


def failures(p_values, alarm):
    """The tests whose p-value is below the false-alarm rate of one test, or closer than it to one."""
    return {name: p for name, p in p_values.items() if not alarm < p < 1 - alarm}


def unit(words):
    """Words mapped to the open interval (0, 1)."""
    return (words + 0.5) * 2.0**-32


def neighbours(words, direction):
    """Two arrays of words whose counters differ by one in the given direction."""
    if direction == "event":
        row = words(key=5, lane=3, draws=4, events=EVENTS + 1)
        return row[:, :-1].reshape(-1), row[:, 1:].reshape(-1)
    if direction == "draw":
        row = words(key=5, lane=3, draws=4, events=EVENTS)
        return row[:-1].reshape(-1), row[1:].reshape(-1)
    shift = {"lane": {"key": 5, "lane": 4}, "key": {"key": 6, "lane": 3}}[direction]
    same = words(key=5, lane=3, draws=4, events=EVENTS)
    return same.reshape(-1), words(**shift, draws=4, events=EVENTS).reshape(-1)


def chi_square(counts, expected=None):
    """Upper-tail p-value of Pearson's chi square."""
    return float(stats.chisquare(counts, expected).pvalue)


def cells(axes, bits):
    """Equidistribution of points in a grid of 2^bits cells per axis, by their leading bits."""
    place = np.zeros(axes[0].shape, np.int64)
    for axis in axes:
        place = (place << bits) | (axis >> (32 - bits))
    return chi_square(np.bincount(place, minlength=2 ** (bits * len(axes))))


def serial(sequence, dimensions):
    """Equidistribution of non-overlapping tuples (Knuth, test B)."""
    tuples = sequence[: len(sequence) // dimensions * dimensions].reshape(-1, dimensions)
    return cells(list(tuples.T), 12 // dimensions)


def gaps(sequence, share=0.125, longest=40):
    """Lengths of the gaps between visits of [0, share), which are geometric (Knuth, test D)."""
    visits = np.flatnonzero(unit(sequence) < share)
    lengths = np.minimum(np.diff(visits) - 1, longest)
    expected = share * (1 - share) ** np.arange(longest)
    expected = np.append(expected, 1 - expected.sum()) * len(lengths)
    return chi_square(np.bincount(lengths, minlength=longest + 1), expected)


def runs(sequence):
    """The number of runs above and below one half (Wald and Wolfowitz, Ann. Math. Statist. 11 (1940) 147)."""
    above = sequence >= 2**31
    n, m = above.sum(), (~above).sum()
    total, mean = n + m, 1 + 2 * n * m / (n + m)
    deviation = np.sqrt((mean - 1) * (mean - 2) / (total - 1))
    return two_sided((1 + np.count_nonzero(above[1:] != above[:-1]) - mean) / deviation)


def moments(sequence):
    """Mean and variance of uniform numbers, 1/2 and 1/12, together as chi square, two degrees of freedom."""
    centred = unit(sequence) - 0.5
    mean = centred.mean() * np.sqrt(12 * len(centred))
    variance = (np.mean(centred**2) - 1 / 12) * np.sqrt(180 * len(centred))  # variance of (u - 1/2)^2: 1/180
    return float(stats.chi2.sf(mean**2 + variance**2, 2))


def correlation(one, other):
    """Pearson's correlation coefficient of two sequences."""
    return two_sided(np.corrcoef(unit(one), unit(other))[0, 1] * np.sqrt(len(one)))


def changed_bits(one, other):
    """The number of differing bits of words side by side, with its whole binomial distribution."""
    counts = np.bincount(np.bitwise_count(one ^ other), minlength=33)
    expected = stats.binom.pmf(np.arange(33), 32, 0.5) * len(one)
    thin = expected < 10
    return chi_square(np.append(counts[~thin], counts[thin].sum()), np.append(expected[~thin], expected[thin].sum()))


def two_sided(z):
    """The probability of a standard normal number at least as far from zero."""
    return float(2 * stats.norm.sf(abs(z)))


def normal_tails(numbers):
    """Counts beyond 3, 4 and 5 standard deviations against the normal tail: Poisson p-values, two-sided."""
    found = {}
    for limit in (3, 4, 5):
        for side, count in (
            ("above", np.count_nonzero(numbers > limit)),
            ("below", np.count_nonzero(numbers < -limit)),
        ):
            expected = stats.norm.sf(limit) * numbers.size
            tails = stats.poisson.cdf(count, expected), stats.poisson.sf(count - 1, expected)
            found[f"{side} {limit} sigma"] = min(2 * min(tails), 1.0)
    return found


def normal_moments(numbers):
    """Mean, variance, skewness and kurtosis against 0, 1, 0 and 3."""
    root = np.sqrt(numbers.size)
    powers = {1: (0.0, 1.0), 2: (1.0, 2.0), 3: (0.0, 15.0), 4: (3.0, 96.0)}  # mean and variance of n^power
    return {f"moment {k}": two_sided((np.mean(numbers**k) - m) * root / np.sqrt(v)) for k, (m, v) in powers.items()}
