"""Outputs that classify."""

from __future__ import annotations

from archdsl.training.tasks import Head, classification

HEADS = (Head("", "label", classification.TASK),)
"""The only output of a network."""
