"""A session turned into the messages that are sent."""
