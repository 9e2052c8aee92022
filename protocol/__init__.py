"""What is said and allowed: pure, opens nothing, waits for nothing, asks no clock."""
