"""Measures the gateway against a floor taken in the same run: `python -m bench`.

The floor is a bare `websockets` server on uvloop that echoes the same frames. Absolute times say
little on a shared machine; the ratio says what the gateway adds to what any such server must do.
"""
