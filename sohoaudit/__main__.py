"""Runs the command line as `python -m sohoaudit`."""

from .cli import main

if __name__ == "__main__":
    main()
