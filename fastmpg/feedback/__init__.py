"""What a rule may see of a game: exact expectations, one sampled transition a step, or batches of rollouts."""
