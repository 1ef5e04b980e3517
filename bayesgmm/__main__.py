"""Entry point of ``python -m bayesgmm``, the same as the command ``bayesgmm``."""

import sys


def main() -> None:
    """Run the command line; imports may be interrupted with Ctrl-C."""
    try:
        from bayesgmm.cli.app import main as run

        run()
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    main()
