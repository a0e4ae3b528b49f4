"""The commands and their options, a group to a file. Bodies import what they need when they run, so that `--help` and reading stay quick."""
