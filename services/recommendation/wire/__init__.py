"""The only conversion between protobuf and the domain of recommendation."""
