"""Background work of search: publishing changes, keeping the index and the memory up, mining the logs."""
