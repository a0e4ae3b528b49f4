"""What happens: log, runs, scheduler, executors, replay. Import from its modules; apps start at `mezan.api`."""
