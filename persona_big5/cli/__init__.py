"""The program: commands over the library, no statistics and no SQL."""
