"""`python -m soundwright` is `soundwright`."""

from soundwright.cli import main

if __name__ == "__main__":
    main()
