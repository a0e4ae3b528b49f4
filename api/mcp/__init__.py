"""The door for assistants: tools and resources of the Model Context Protocol, on an engine here or on a server. Needs the extra ``mcp``."""
