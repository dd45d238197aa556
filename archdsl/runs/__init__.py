"""Run folders: what a training leaves, how runs compare, and the model card. Imports no framework."""
