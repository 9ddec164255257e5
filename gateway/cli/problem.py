"""The one exception that commands end with."""


class Problem(Exception):
    """It did not work; the text is one line for the person at the terminal."""
