"""The random numbers of the figures, the same in Python as in the browser."""

import math

WORD = 0xFFFFFFFF


def mulberry32(seed):
    """Yield numbers in [0, 1), as the function of this name in core.js."""
    state = int(seed) & WORD
    while True:
        state = (state + 0x6D2B79F5) & WORD
        t = (state ^ state >> 15) * (1 | state) & WORD
        t = (t + ((t ^ t >> 7) * (61 | t) & WORD) & WORD) ^ t
        yield ((t ^ t >> 14) & WORD) / 4294967296


def normals(random):
    """Yield standard normal numbers from uniform ones, two from two, by Box and Muller."""
    while True:
        radius = math.sqrt(-2 * math.log(1 - next(random)))
        angle = 2 * math.pi * next(random)
        yield radius * math.cos(angle)
        yield radius * math.sin(angle)
