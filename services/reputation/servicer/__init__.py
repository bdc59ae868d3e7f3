"""The gRPC services of reputation: decode, call one use case, encode."""
