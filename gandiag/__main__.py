"""`python -m gandiag` is the command `gandiag`, for launchers of modules: `torchrun -m gandiag evaluate ...`."""

from gandiag.cli.main import main

if __name__ == "__main__":
    main()
