"""The dashboard: server-rendered pages, each a fold of the log up to the position in its URL."""
