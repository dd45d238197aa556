"""Reads idx files, the format of MNIST (LeCun et al. 1998): a header of big-endian numbers, then the values."""

from __future__ import annotations

import math
import struct
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from archdsl.data.readers import files
from archdsl.errors import fail

BYTES = 0x08
"""The header's code for unsigned bytes, the only type that images and labels come in."""

CHUNK = 2**20
"""Bytes that are unpacked at a time."""


def read(path: Path, axes: int) -> NDArray[np.uint8]:
    """The array of an idx file, compressed by gzip or not.

    Args:
        axes: how many axes it has: 3 for grey images, 1 for labels.

    Raises:
        ArchError: it is missing, no idx file of bytes with so many axes, or of another length than it says (ARCH302).
    """
    start = 4 + 4 * axes
    with files.unpacking(path) as file:
        header = file.read(start)
        expected = bytes([0, 0, BYTES, axes])
        if header[:4] != expected:
            shown = header[:4].hex(" ") or "nothing"
            kind = "images" if axes == 3 else "labels"
            raise fail("ARCH302", f"{path} is no idx file of {kind}: it begins with {shown}, not {expected.hex(' ')}")
        if len(header) < start:
            raise fail("ARCH302", f"{path} is cut short: it ends within its header", hint=files.AGAIN)
        shape = struct.unpack(f">{axes}I", header[4:])
        expected_size, size = math.prod(shape), 0
        if expected_size > files.LARGEST_FILE:
            raise fail("ARCH302", f"{path} says that it has {expected_size:,} bytes, more than this set can need")
        content = bytearray()
        # What is too much is counted, and not kept.
        while part := file.read(CHUNK):
            size += len(part)
            if size <= expected_size:
                content += part
            if size > files.LARGEST_FILE:
                most = f"{files.LARGEST_FILE:,}"
                raise fail("ARCH302", f"{path} unpacks to more than {most} bytes, more than this set can need")
    if size != expected_size:
        times = " x ".join(f"{side:,}" for side in shape)
        what = "is cut short" if size < expected_size else "is longer than it says"
        raise fail("ARCH302", f"{path} {what}: {times} bytes are due, and {size:,} are there", hint=files.AGAIN)
    return np.frombuffer(content, np.uint8).reshape(shape)
