"""``python -m bayesgmm`` does what the command ``bayesgmm`` does."""

from bayesgmm.cli.app import main

if __name__ == "__main__":
    main()
