"""The HTTP door. Needs the extra ``serve``."""
