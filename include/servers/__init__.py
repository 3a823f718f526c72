"""Servers of one piece of work: each on a free loopback port, and ended with the process that it was started for."""
