"""Tradewind: a workflow orchestrator for Python.

The package root stays empty of imports so that `import tradewind.sdk` in a DAG file
pays for the authoring layer alone.
"""

__version__ = "0.1.0"
