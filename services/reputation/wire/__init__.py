"""Conversions at the door: public JSON and protobuf to domain and back; nothing else knows either."""
