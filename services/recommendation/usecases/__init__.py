"""What recommendation does when asked: load from the copies, decide in the domain, answer or save."""
