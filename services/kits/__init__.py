"""What two services share beyond running. A kit may use the chassis' ports; it imports no service."""
