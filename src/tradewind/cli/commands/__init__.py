"""One file for each command or group of commands; each is imported when it is used."""
