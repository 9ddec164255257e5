"""Coverage-guided fuzzing of single frames: bytes -> message -> schema -> mending -> second look.

`python -m bench.fuzz.atheris_frames -runs=1000000 [CORPUS_DIRECTORY]`, where atheris is
installed (`make fuzz-atheris`); it exists for Linux on x86-64 only.
"""

import sys

import atheris

with atheris.instrument_imports(include=["gateway", "bench"]):
    from bench.fuzz.one_frame import one_frame


def main() -> None:
    """Hand over to the fuzzer."""
    atheris.Setup(sys.argv, one_frame)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
