"""Rendering of people with exact labels."""
