"""What answers cost: energy and hardware at home, tokens in the cloud, and where the two cross."""
