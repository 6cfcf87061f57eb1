"""Where functions-framework finds the function."""

from twin.functions import main

__all__ = ["main"]
