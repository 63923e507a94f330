"""Hooks that explain a model from the config alone; each module registers one, and loads the rest when it runs."""
