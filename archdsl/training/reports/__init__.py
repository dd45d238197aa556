"""The pictures and statistics of predictions, for the report of a run."""
