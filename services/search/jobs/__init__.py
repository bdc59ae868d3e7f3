"""Background work of search: keeping the index and the memory up, mining the logs."""
