"""SHA-256 of many rows of one length, through the CPU's own instructions (x86 SHA extensions).

Theory of operation. The instructions keep the eight words of a hash in two vectors, (f, e, b, a) and (h, g, d, c),
and do two rounds at a time; each depends on the one before, so one message leaves the unit idle half of the time.
Therefore ``LANES`` rows go through it side by side. What is the same for every row of one length (prefix, padding,
bit length; FIPS 180-4 5.1.1) is written into the work area once.
"""

import numba
import numpy as np
from llvmlite import ir
from numba.core import cgutils, types
from numba.core.registry import cpu_target
from numba.extending import intrinsic

LANES = 2
"""Rows hashed side by side."""
BLOCK_BYTES = 64
DIGEST_BYTES = 32
COMPILES = not numba.config.DISABLE_JIT  # type: ignore[attr-defined] # set from the environment when numba loads
TARGET_FEATURES = cpu_target.target_context.codegen().magic_tuple()[2].split(",")
HAS_SHA = COMPILES and "+sha" in TARGET_FEATURES
"""Whether the compiler runs and may use the instructions here; without it ``hash_rows`` must not be called."""

ROUND_WORDS = (
    *(0x428A2F98, 0x71374491, 0xB5C0FBCF, 0xE9B5DBA5, 0x3956C25B, 0x59F111F1, 0x923F82A4, 0xAB1C5ED5),
    *(0xD807AA98, 0x12835B01, 0x243185BE, 0x550C7DC3, 0x72BE5D74, 0x80DEB1FE, 0x9BDC06A7, 0xC19BF174),
    *(0xE49B69C1, 0xEFBE4786, 0x0FC19DC6, 0x240CA1CC, 0x2DE92C6F, 0x4A7484AA, 0x5CB0A9DC, 0x76F988DA),
    *(0x983E5152, 0xA831C66D, 0xB00327C8, 0xBF597FC7, 0xC6E00BF3, 0xD5A79147, 0x06CA6351, 0x14292967),
    *(0x27B70A85, 0x2E1B2138, 0x4D2C6DFC, 0x53380D13, 0x650A7354, 0x766A0ABB, 0x81C2C92E, 0x92722C85),
    *(0xA2BFE8A1, 0xA81A664B, 0xC24B8B70, 0xC76C51A3, 0xD192E819, 0xD6990624, 0xF40E3585, 0x106AA070),
    *(0x19A4C116, 0x1E376C08, 0x2748774C, 0x34B0BCB5, 0x391C0CB3, 0x4ED8AA4A, 0x5B9CCA4F, 0x682E6FF3),
    *(0x748F82EE, 0x78A5636F, 0x84C87814, 0x8CC70208, 0x90BEFFFA, 0xA4506CEB, 0xBEF9A3F7, 0xC67178F2),
)
"""Constants of the rounds (FIPS 180-4 4.2.2)."""
START_WORDS = (0x9B05688C, 0x510E527F, 0xBB67AE85, 0x6A09E667, 0x5BE0CD19, 0x1F83D9AB, 0xA54FF53A, 0x3C6EF372)
"""The initial hash (FIPS 180-4 5.3.3) in the order of the two vectors: f e b a, h g d c."""
WORD_PLACES = (3, 2, 7, 6, 1, 0, 5, 4)
"""Where the words a to h lie in that order."""

_WORDS = ir.VectorType(ir.IntType(32), 4)
_BYTES = ir.VectorType(ir.IntType(8), 16)
_BYTE_ORDER = ir.Constant(
    ir.VectorType(ir.IntType(32), 16), [4 * word + 3 - byte for word in range(4) for byte in range(4)]
)


@intrinsic
def compress(typingctx, states, blocks, offset):  # noqa: ARG001 - the compiler's interface
    """Take block ``[offset, offset + 64)`` of each row of uint8[LANES, size] into uint32[LANES, 8] (FIPS 180-4 6.2.2)."""

    def words(*numbers):
        return ir.Constant(_WORDS, numbers)

    def generate(context, build, signature, arguments):
        states, blocks = (
            context.make_array(kind)(context, build, value)
            for kind, value in zip(signature.args[:2], arguments[:2], strict=True)
        )

        def instruction(name, operands):
            kind = ir.FunctionType(_WORDS, [_WORDS] * len(operands))
            return build.call(cgutils.get_or_insert_function(build.module, kind, f"llvm.x86.sha256{name}"), operands)

        def vectors(array, lane, first):
            """Return a pointer to the vector at byte ``first`` of a lane's row."""
            row = build.mul(cgutils.unpack_tuple(build, array.strides)[0], first.type(lane))
            start = build.bitcast(array.data, ir.IntType(8).as_pointer())
            return build.bitcast(build.gep(start, [build.add(row, first)]), _WORDS.as_pointer())

        offset = arguments[2]
        places = [[vectors(states, lane, offset.type(half)) for half in (0, 16)] for lane in range(LANES)]
        before = [[build.load(place, align=4) for place in lane] for lane in places]
        now = [list(lane) for lane in before]
        schedule = [[] for _ in range(LANES)]
        for group in range(16):
            for lane, message in enumerate(schedule):
                if group < 4:
                    place = vectors(blocks, lane, build.add(offset, offset.type(16 * group)))
                    stored = build.bitcast(build.load(place, align=1), _BYTES)
                    message.append(build.bitcast(build.shuffle_vector(stored, stored, _BYTE_ORDER), _WORDS))
                else:
                    seven_back = build.shuffle_vector(message[-2], message[-1], words(1, 2, 3, 4))
                    mixed = build.add(instruction("msg1", message[-4:-2]), seven_back)
                    message.append(instruction("msg2", [mixed, message[-1]]))
                keyed = build.add(message[-1], words(*ROUND_WORDS[4 * group : 4 * group + 4]))
                upper = build.shuffle_vector(keyed, keyed, words(2, 3, 2, 3))
                first, second = now[lane]
                second = instruction("rnds2", [second, first, keyed])
                now[lane] = [instruction("rnds2", [first, second, upper]), second]
        for lane in range(LANES):
            for place, old, new in zip(places[lane], before[lane], now[lane], strict=True):
                build.store(build.add(old, new), place, align=4)
        return context.get_dummy_value()

    return types.void(states, blocks, offset), generate


@numba.njit(cache=True, nogil=True)
def hash_rows(prefix, rows, digests):
    """Write SHA-256(prefix byte || row) of each row of uint8[n, m] to uint8[n, 32]."""
    count, length = rows.shape
    size = (length + 10 + BLOCK_BYTES - 1) // BLOCK_BYTES * BLOCK_BYTES
    work = np.zeros((LANES, size), np.uint8)
    states = np.empty((LANES, 8), np.uint32)
    for lane in range(LANES):
        work[lane, 0] = prefix
        work[lane, length + 1] = 0x80
        for place in range(8):
            work[lane, size - 1 - place] = (8 * (length + 1) >> 8 * place) & 0xFF
    for first in range(0, count, LANES):
        used = min(LANES, count - first)
        for lane in range(used):
            work[lane, 1 : length + 1] = rows[first + lane]
        for lane in range(LANES):
            for word in range(8):
                states[lane, word] = START_WORDS[word]
        for offset in range(0, size, BLOCK_BYTES):
            compress(states, work, offset)
        for lane in range(used):
            for word in range(8):
                value = states[lane, WORD_PLACES[word]]
                for byte in range(4):
                    digests[first + lane, 4 * word + byte] = (value >> (24 - 8 * byte)) & 0xFF
