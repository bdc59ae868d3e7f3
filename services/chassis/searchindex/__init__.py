"""The search index port and its adapters: segmented text, keywords, numbers, dates, facets; branches for reindexing."""
