"""Swiss tournaments: pairing and ranking."""
