"""The gRPC services of orders: decode, call one use case, encode."""
