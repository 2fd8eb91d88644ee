# SPDX-License-Identifier: GPL-2.0-only
"""Medians, intervals, slopes, ratios and histograms of the bench.

An interval is the distribution-free one for a median: of n sorted values, the k-th from either end,
with the largest k for which the chance that the true median lies between them is at least LEVEL.
That chance is 1 - 2 * sum(C(n, i), i < k) / 2**n, whatever the distribution of the values.
Six values are the fewest that reach 0.95; with fewer, the interval is their range, and "coverage"
says what chance that has.
"""

import math

LEVEL = 0.95


def median(values):
    ordered = sorted(values)
    half = len(ordered) // 2
    if not ordered:
        raise ValueError("no values")
    if len(ordered) % 2:
        return ordered[half]
    return (ordered[half - 1] + ordered[half]) / 2


def coverage(count, rank):
    """Chance that the median lies between the rank-th values (from 1) from either end."""
    return 1 - 2 * sum(math.comb(count, i) for i in range(rank)) / 2 ** count


def interval(values, level=LEVEL):
    """(low, high, coverage)"""
    ordered = sorted(values)
    count = len(ordered)
    rank = 1
    while 2 * (rank + 1) <= count and coverage(count, rank + 1) >= level:
        rank += 1
    return ordered[rank - 1], ordered[count - rank], coverage(count, rank)


def summary(values):
    """A figure's numbers, from one value of each round."""
    values = list(values)
    low, high, chance = interval(values)
    return {"value": median(values), "low": low, "high": high, "coverage": round(chance, 4),
            "rounds": values}


def slope(points):
    """Least squares over (x, y): the slope of y."""
    count = len(points)
    mean_x = sum(x for x, _ in points) / count
    mean_y = sum(y for _, y in points) / count
    square = sum((x - mean_x) ** 2 for x, _ in points)
    if not square:
        raise ValueError("a slope needs two different x")
    return sum((x - mean_x) * (y - mean_y) for x, y in points) / square


def ratios(above, below):
    """One quotient for each round that both have: {round: value} twice."""
    return [above[r] / below[r] for r in sorted(above) if r in below and below[r]]


def marginal(short, long):
    """Cost of one more, from (number, cost) of a short and a long run: what both runs spend
    besides, as for starting a program, cancels."""
    if long[0] == short[0]:
        raise ValueError("two runs of the same length")
    return (long[1] - short[1]) / (long[0] - short[0])


def percentile(bins, percent):
    """The smallest value of a histogram {value: count} that PERCENT of all do not exceed."""
    total = sum(bins.values())
    if not total:
        raise ValueError("an empty histogram")
    want = total * percent / 100
    have = 0
    for value in sorted(bins):
        have += bins[value]
        if have >= want:
            return value
    return max(bins)


def above(bins, limit):
    """How many of a histogram exceed LIMIT."""
    return sum(n for value, n in bins.items() if value > limit)
