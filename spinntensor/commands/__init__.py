"""What the commands of the command line do; `spinntensor.cli` parses for them and turns errors into exit codes."""
