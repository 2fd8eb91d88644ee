#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""recording.py RECORDING PERIODS LATE - check a recording of selftests/guest/wave.c

The recording must have all periods, in order. Silence between two frames is a gap. After a
gap the wave may continue later than it stopped, as a card drops fetched frames at an
underrun, but not earlier. A card that is stopped before it runs dry leaves no silence: so
the wave may skip to the first frame of a period LATE times. Any other frame than the next
one is an error. At the end frames may be missing that QEMU has not yet written to the file.
"""
import struct
import sys

FRAMES = 4096
TAIL = 2048


def mark(period, frame):
    return (period * 40503 + frame * 25173) & 0x7FFF


def marks(at):
    return at // FRAMES + 1, mark(at // FRAMES + 1, at % FRAMES)


def position(left, right, at):
    """Number, from 0, of the first frame with these marks at or after at; None: no frame."""
    first = max(at, (left - 1) * FRAMES)
    for pos in range(first, left * FRAMES):
        if mark(left, pos % FRAMES) == right:
            return pos
    return None


def check(data, want, late):
    """Returns the error, or None, and a summary."""
    at = gaps = lost = restarts = 0
    silent = True
    for left, right in struct.iter_unpack("<HH", data[: len(data) // 4 * 4]):
        if left == right == 0:
            gaps += not silent and at < want
            silent = True
            continue
        if silent and at:
            pos = position(left, right, at)
            lost += (pos or at) - at
            at = at if pos is None else pos
        elif at and restarts < late and (left, right) != marks(at):
            pos = position(left, right, at)
            if pos is not None and pos % FRAMES == 0:
                restarts += 1
                gaps += 1
                lost += pos - at
                at = pos
        silent = False
        period, frame = at // FRAMES + 1, at % FRAMES
        if at >= want or (left, right) != marks(at):
            return f"period {period}, frame {frame}: garbled: {left} {right}", ""
        at += 1
    found = f"{at - lost} frames of {want}, {gaps} gaps, {lost} frames lost in them"
    if want - at > TAIL:
        return f"the last {want - at} frames are missing", found
    if lost > want // 10:
        return "too many were lost", found
    return None, found


def main():
    with open(sys.argv[1], "rb") as file:
        data = file.read()[44:]
    error, found = check(data, int(sys.argv[2]) * FRAMES, int(sys.argv[3]))
    print(f"# {found}")
    if error:
        sys.exit(error)


if __name__ == "__main__":
    main()
