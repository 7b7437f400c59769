"""Hooks: clients of outside systems."""
