"""Audio to tokens and back: the contract, EnCodec, `pocket`, whole folders, training."""
