"""Ctrl-C and SIGTERM during a training: the first lets it close its run, the second ends the program at once."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import keras

SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Interrupts(keras.callbacks.Callback):  # type: ignore[misc]
    """Raises KeyboardInterrupt where a signal came whose own exception got lost in somebody else's code."""

    def __init__(self) -> None:
        super().__init__()
        self.came = False

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        if self.came:
            raise KeyboardInterrupt

    def on_test_batch_end(self, batch: int, logs: Any = None) -> None:
        if self.came:
            raise KeyboardInterrupt

    def on_signal(self, number: int, frame: Any) -> None:
        self.came = True
        # The system itself ends the program at the second one, even inside a long computation.
        for each in SIGNALS:
            signal.signal(each, signal.SIG_DFL)
        raise KeyboardInterrupt


@contextmanager
def interruptible() -> Iterator[Interrupts]:
    """Takes the signals until the block ends; outside of the main thread, where Python admits no handlers, none."""
    interrupts = Interrupts()
    if threading.current_thread() is not threading.main_thread():
        yield interrupts
        return
    # What started the program may have told it to ignore a signal, as `nohup` and a shell's `&` do.
    heard = [number for number in SIGNALS if signal.getsignal(number) != signal.SIG_IGN]
    before = {number: signal.signal(number, interrupts.on_signal) for number in heard}
    try:
        yield interrupts
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
