"""Destinations: how a message about a discarded batch is sent to each kind of them."""
