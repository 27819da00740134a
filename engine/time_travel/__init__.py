"""What a session can go back to, and what is saved of it."""
