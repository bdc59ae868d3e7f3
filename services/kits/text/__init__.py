"""Text in Chinese and English: words to index, language, highlights, spelling, identifiers. Imports no service."""
