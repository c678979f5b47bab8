"""The version of this package, the same as the program's."""

__version__ = "0.1.0.dev0"
