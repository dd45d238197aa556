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
"""The number of bytes to unpack at a time."""


def read(path: Path, axes: int) -> NDArray[np.uint8]:
    """Read the array of an idx file, which may be compressed by gzip.

    Args:
        axes: the number of axes: 3 for grayscale images, 1 for labels.

    Raises:
        ArchError: it is missing, not an idx file of bytes with these axes, or of the wrong length (ARCH302).
    """
    start = 4 + 4 * axes
    with files.unpacking(path) as file:
        header = file.read(start)
        expected = bytes([0, 0, BYTES, axes])
        if header[:4] != expected:
            shown = header[:4].hex(" ") or "nothing"
            kind = "images" if axes == 3 else "labels"
            message = f"{path} is not an idx file of {kind}: expected it to begin with {expected.hex(' ')}, got {shown}"
            raise fail("ARCH302", message)
        if len(header) < start:
            raise fail("ARCH302", f"{path} is truncated: it ends inside its header", hint=files.AGAIN)
        shape = struct.unpack(f">{axes}I", header[4:])
        expected_size, size = math.prod(shape), 0
        if expected_size > files.LARGEST_FILE:
            raise fail("ARCH302", f"{path} declares {expected_size:,} bytes, too many for this data set")
        content = bytearray()
        # Surplus bytes are counted but not kept.
        while part := file.read(CHUNK):
            size += len(part)
            if size <= expected_size:
                content += part
            if size > files.LARGEST_FILE:
                most = f"{files.LARGEST_FILE:,}"
                raise fail("ARCH302", f"{path} unpacks to more than {most} bytes, too many for this data set")
    if size != expected_size:
        times = " x ".join(f"{side:,}" for side in shape)
        what = "is truncated" if size < expected_size else "is too long"
        raise fail("ARCH302", f"{path} {what}: expected {times} bytes, got {size:,}", hint=files.AGAIN)
    return np.frombuffer(content, np.uint8).reshape(shape)
