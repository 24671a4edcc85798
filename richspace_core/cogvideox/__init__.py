"""CogVideoX model family: configuration, folders, text encoding, sampling, decoding and previews."""
