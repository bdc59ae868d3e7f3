"""The shop's own people: accounts, roles, sign-in, sessions, and the trail of what each of them did."""
