"""Models, and the fake vendor that the tests of each vendor share."""
