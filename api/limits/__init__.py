"""How much who may do: limits on rates, on failed logins, and quotas of runs and solver seconds."""
