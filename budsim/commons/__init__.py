"""What every part of the service shares: settings, errors, device names, and the adapters to the outside world."""
