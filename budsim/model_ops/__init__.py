"""Model lookup: local folders, the offline catalogue and the hub, all ending in a ``ModelArchitecture``."""
