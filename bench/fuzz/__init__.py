"""Fuzzing the way from a charge point's socket to its handlers.

`python -m bench.fuzz` pushes mutated frames of all versions through real sockets into a whole
gateway and looks at what must hold: no failure, no connection lost, every heartbeat answered,
memory flat. `bench.fuzz.atheris_frames` lets a coverage-guided fuzzer look for single frames.
"""
