"""The version of archdsl, defined only here."""

__version__ = "0.1.0"
