"""Chance as a function: every draw is named, so no generator state can be lost in a crash.

A draw is a hash of (seed, name, index): the same on every machine and in every version of the
libraries, in any order of evaluation.
"""

from typing import Final

import numpy as np
import numpy.typing as npt

from wattmark.core.ids import derive_id

Floats = npt.NDArray[np.float64]

_STEP: Final = np.uint64(0x9E3779B97F4A7C15)
_MIX_1: Final = np.uint64(0xBF58476D1CE4E5B9)
_MIX_2: Final = np.uint64(0x94D049BB133111EB)
_WORD: Final = (1 << 64) - 1
_UNIFORMS_PER_NORMAL: Final = 12
"""The sum of twelve uniforms less six has mean 0 and variance 1 (Irwin-Hall)."""


def uniform(seed: int, name: str, *shape: int) -> Floats:
    """Return draws in [0, 1) of the given shape, by splitmix64 from a key of (seed, name)."""
    key = np.uint64(derive_id("chance", seed, name) & _WORD)
    count = int(np.prod(shape, dtype=np.int64))
    with np.errstate(over="ignore"):
        word = key + _STEP * np.arange(1, count + 1, dtype=np.uint64)
        word = (word ^ (word >> np.uint64(30))) * _MIX_1
        word = (word ^ (word >> np.uint64(27))) * _MIX_2
        word ^= word >> np.uint64(31)
    return ((word >> np.uint64(11)).astype(np.float64) * 2.0**-53).reshape(shape)


def normal(seed: int, name: str, *shape: int) -> Floats:
    """Return draws of mean 0 and variance 1, within +-6, of the given shape."""
    return np.asarray(uniform(seed, name, *shape, _UNIFORMS_PER_NORMAL).sum(axis=-1) - 6.0)


def drifting(seed: int, name: str, count: int, memory: float) -> Floats:
    """Return a first-order autoregressive series of mean 0 and variance 1.

    Args:
        seed: seed of the world.
        name: name of the draw.
        count: length.
        memory: correlation of neighbours, 0 <= memory < 1.
    """
    shocks = normal(seed, name, count) * np.sqrt(1.0 - memory * memory)
    series = np.empty(count)
    value = float(normal(seed, name + "/first", 1)[0])
    for index in range(count):
        value = memory * value + float(shocks[index])
        series[index] = value
    return series


def pick(seed: int, name: str, count: int) -> int:
    """Return one draw in [0, count)."""
    return derive_id("pick", seed, name) % count
