"""The device catalogue over HTTP."""
