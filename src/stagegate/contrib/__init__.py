"""Stores, channels and frameworks: each a plugin that uses the public face only."""
