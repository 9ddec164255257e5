"""`gateway`: run it, look after it, and tell it about charge points, prices and partners.

One module per group of commands. What concerns a running gateway goes through the operator API,
so that it works from anywhere. Exit status 0 means that it worked; an error is one line on
standard error.
"""

from gateway.cli.commands import main

__all__ = ["main"]
