"""The local supervisor: starts the platform's processes, keeps them up, shows their logs and stops them cleanly."""
