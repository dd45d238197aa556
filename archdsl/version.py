"""The version of archdsl: this is the only place that it is written in."""

__version__ = "0.1.0"
