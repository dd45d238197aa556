"""Graph -> the tables of `show` and `sweep`, as text and as data. Imports no framework."""
