"""What search keeps: products as documents, products in the index, the numbers of the search log."""
