"""A run as `run.json` holds it."""

from __future__ import annotations

from archdsl.runs.folder import Result

DIGITS = tuple("0123456789")


RUN = Result(
    spec="DigitsResNet",
    arguments={},
    seed=3,
    epochs=20,
    limit=None,
    source="digits",
    origin="embedded",
    images={"train": 1293, "validation": 144, "test": 360},
    mean=[0.3051],
    std=[0.376],
    parameters=161_258,
    versions={"python": "3.12.1", "archdsl": "0.1.0", "keras": "3.15.1", "tensorflow": "2.21.0", "numpy": "2.4.6"},
    status="finished",
    epochs_run=20,
    best_epoch=18,
    validation_accuracy=0.9931,
    validation_loss=0.0312,
    test_accuracy=0.9889,
    test_loss=0.0401,
    seconds=83.4,
    plain_test_accuracy=0.9861,
    class_accuracy={"0": 1.0, "1": 0.9722, "8": 0.9429},
    classes=DIGITS,
    started="2026-01-31T12:00:00+00:00",
    machine={"system": "Linux", "processor": "x86_64", "cpus": 2, "accelerators": []},
    command="archdsl train digits_resnet --seed 3 --data-dir /home/somebody/secret/digits",
    input={"source": "digits", "classes": DIGITS, "shape": [8, 8, 1], "largest": 16.0, "divisor": 16.0}
    | {"mean": [0.3051], "std": [0.376], "test_time": {"flip": False, "shift": 1}},
)
