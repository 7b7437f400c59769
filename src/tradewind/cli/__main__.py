"""`python -m tradewind.cli`."""

from tradewind.cli import main

if __name__ == "__main__":
    main()
