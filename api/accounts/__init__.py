"""Who may do what: users, keys, tokens, roles and projects, over an event log of their own."""
