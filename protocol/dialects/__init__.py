"""Envelopes that other clients speak, all over one sync core."""
