"""`python -m simulators`: the same as the console command `simulators`."""

from simulators.cli import main

if __name__ == "__main__":
    main()
