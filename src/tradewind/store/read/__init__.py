"""Readers: one file per reader, values out."""
