"""Data: annotation files, their checks, and transforms."""
