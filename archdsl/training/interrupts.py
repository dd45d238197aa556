"""Handles Ctrl-C and SIGTERM during training: the first one saves the run, the second one exits immediately."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import keras

SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Interrupts(keras.callbacks.Callback):  # type: ignore[misc]
    """Raises KeyboardInterrupt after a signal whose exception was swallowed by other code."""

    def __init__(self) -> None:
        super().__init__()
        self.received = False

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        if self.received:
            raise KeyboardInterrupt

    on_test_batch_end = on_train_batch_end

    def on_signal(self, number: int, frame: Any) -> None:
        self.received = True
        # At the second signal, the system ends the program, even during a long computation.
        for each in SIGNALS:
            signal.signal(each, signal.SIG_DFL)
        raise KeyboardInterrupt


@contextmanager
def interruptible() -> Iterator[Interrupts]:
    """Handle the signals within the block. Python allows handlers only in the main thread."""
    interrupts = Interrupts()
    if threading.current_thread() is not threading.main_thread():
        yield interrupts
        return
    # A signal may be ignored from the start, as with `nohup` or `&` in a shell.
    handled = [number for number in SIGNALS if signal.getsignal(number) != signal.SIG_IGN]
    before = {number: signal.signal(number, interrupts.on_signal) for number in handled}
    try:
        yield interrupts
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
