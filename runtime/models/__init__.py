"""Who answers: one file per vendor of models."""
