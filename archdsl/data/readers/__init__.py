"""Reads file formats, checks what they hold, and finds them on the disk; knows no data set by name."""
