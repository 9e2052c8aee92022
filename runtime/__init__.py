"""What is done: rooms, agents, servers, on Trio."""
