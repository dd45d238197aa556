"""Ctrl-C and SIGTERM during a training: the first closes the run in order, the second ends the program at once."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import keras

SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Interrupts(keras.callbacks.Callback):  # type: ignore[misc]
    """Raises KeyboardInterrupt after a signal whose own exception was lost in code of others."""

    def __init__(self) -> None:
        super().__init__()
        self.received = False

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        if self.received:
            raise KeyboardInterrupt

    on_test_batch_end = on_train_batch_end

    def on_signal(self, number: int, frame: Any) -> None:
        self.received = True
        # At the second signal the system itself ends the program, even during a long computation.
        for each in SIGNALS:
            signal.signal(each, signal.SIG_DFL)
        raise KeyboardInterrupt


@contextmanager
def interruptible() -> Iterator[Interrupts]:
    """Handles the signals within the block; not outside of the main thread, where Python admits no handlers."""
    interrupts = Interrupts()
    if threading.current_thread() is not threading.main_thread():
        yield interrupts
        return
    # A signal may be ignored since the start of the program, as by `nohup` and a shell's `&`.
    handled = [number for number in SIGNALS if signal.getsignal(number) != signal.SIG_IGN]
    before = {number: signal.signal(number, interrupts.on_signal) for number in handled}
    try:
        yield interrupts
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
