"""The command line: the composition root. `tradewind.cli:main` is the program."""

from tradewind.cli.main import main

__all__ = ["main"]
