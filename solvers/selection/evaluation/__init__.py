"""Whether another policy would do better: estimates from logs, and tests of two arms."""
