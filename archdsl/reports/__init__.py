"""Graph -> tables: what `show` and `sweep` print, as text and for programs. Imports no framework."""
