"""The gRPC services of knowledge: decode, call one use case, encode."""
