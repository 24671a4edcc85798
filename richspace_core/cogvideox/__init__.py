"""CogVideoX as one model family: configuration, folders, text encoding, sampling and previews."""
