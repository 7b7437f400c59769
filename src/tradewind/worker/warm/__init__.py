"""The worker of a warm pod: a supervisor that is ready, and a door where tickets are handed in."""
