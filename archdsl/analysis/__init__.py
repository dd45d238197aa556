"""Facts about a graph: costs, memory, receptive fields, and what of each tensor is read. Imports no framework."""
