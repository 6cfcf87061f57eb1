"""Tests; the folders mirror `src/twin`."""
