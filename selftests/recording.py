#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""recording.py RECORDING PERIODS LATE - whole periods of selftests/guest/wave.c, in order

Silence between two frames is a gap. Gaps are counted; after one the wave may go on later
than it stopped (a card that ran dry forgets what it had taken but not played), never
earlier. A card that was stopped in time has no silence there: as often as the guest was
LATE the wave may go on with the first frame of a period. Anything else than the next frame
is an error. At the end frames may be missing that QEMU has not written to the file yet.
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
    """Which frame this is, counted from 0: the next one with these marks at or after at."""
    first = max(at, (left - 1) * FRAMES)
    for pos in range(first, left * FRAMES):
        if mark(left, pos % FRAMES) == right:
            return pos
    return None


def check(data, want, late):
    """The error, or None, and what was found."""
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
