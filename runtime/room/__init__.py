"""One task per room: speculate, commit, publish."""
