"""Readers: of the graph (summary, dot), of the typed spec (python), and what runs the generated source."""
