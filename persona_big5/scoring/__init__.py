"""Text to numbers: what a reply says about each item that was asked."""
