"""The pure analytic core: what one replica costs in bytes and in seconds. No I/O, settings, logging or global state."""
