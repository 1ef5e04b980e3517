"""``python -m bayesgmm`` does what the command ``bayesgmm`` does."""

import sys


def main() -> None:
    """Run the command line; imports may be interrupted, too."""
    try:
        from bayesgmm.cli.app import main as run

        run()
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    main()
