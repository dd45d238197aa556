"""Run folders: results, comparison of runs, and model cards. Imports no framework."""
