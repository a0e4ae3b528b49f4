"""Read models as plain JSON values: what the command line prints, the HTTP API answers and the dashboard draws."""
