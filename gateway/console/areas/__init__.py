"""The areas of the console: one package each, with its pages, cards, finders and topics."""
