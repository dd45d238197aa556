"""Brings data sets to this machine by Keras's own loaders; only where somebody asks for it."""

from __future__ import annotations

import contextlib
import sys
from pathlib import Path

from archdsl.data.readers.files import reason
from archdsl.data.sources import KNOWN, title
from archdsl.errors import fail
from archdsl.recipe import Data


def download(data: Data, folder: Path | None = None) -> None:
    """Puts a set where it is looked for: Keras's cache, or TensorFlow Datasets' own folder.

    Args:
        folder: for sets of TensorFlow Datasets, where they are put instead.

    Raises:
        ArchError: the source is downloaded from nowhere (ARCH203), nobody answers (ARCH301), or what is needed for it
            is not installed (ARCH306).
    """
    if data.kind == "tfds":
        from archdsl.data.sources import tfds  # it imports TensorFlow, and is an extra

        tfds.download(data.place, folder)
    elif data.kind not in KNOWN:
        why = "is a part of the package" if data.kind == "digits" else "is your own"
        raise fail("ARCH203", f"`--download`: {title(data)} {why}, and is downloaded from nowhere")
    elif folder is not None:
        hint = "without --data-dir it goes to Keras's cache, where it is looked for"
        raise fail("ARCH203", "`--download` puts the set where Keras's own loader does", hint=hint)
    else:
        _by_keras(data.kind)


def _by_keras(name: str) -> None:
    import keras

    try:
        with contextlib.redirect_stdout(sys.stderr):  # Keras's bar; stdout carries data
            getattr(keras.datasets, name).load_data()
    except Exception as error:  # Keras raises a bare one
        search = KNOWN[name].search
        message = f"{search.title} cannot be downloaded: {reason(error)}"
        raise fail("ARCH301", message, hint=search.elsewhere) from None
