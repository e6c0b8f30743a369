"""One natural-gradient iteration with its NE-gap in plain NumPy: each player's model by its own chain of products.

This is what the textbook formulas say: for player i, contract the opponents' axes of r_i and P one after the other
by batched matmul, and solve.
:mod:`.numpy_natural` shares contractions between players and preallocates; it is the fastest NumPy that we could write.
"""

import numpy as np


def contract_axes(table, policies, keep):
    """Sum table (S, A_0, ..., A_{N-1}, T) over every player's axis but ``keep``; (S, A_keep, T)."""
    num_states, width = len(table), table.shape[-1]
    for j in range(len(policies)):  # slowest axis first, so that what is left to sum stays one long row
        if j == keep:
            continue
        kept = 1 if j < keep else policies[keep].shape[1]
        blocks = table.reshape(num_states, kept, policies[j].shape[1], -1)
        table = (policies[j][:, None, None] @ blocks)[:, :, 0]
    return table.reshape(num_states, -1, width)


def marginal_models(rewards, transitions, policies):
    """[r_i (S, A_i)], [P_i (S, A_i, S)], P_pi (S, S)."""
    num_players = len(policies)
    planes = np.broadcast_to(rewards, (num_players, *rewards.shape[1:]))
    r = [contract_axes(planes[i][..., None], policies, i)[..., 0] for i in range(num_players)]
    p = [contract_axes(transitions, policies, i) for i in range(num_players)]
    return r, p, np.einsum("sa,sat->st", policies[0], p[0])


class NaturalGradient:
    """rewards (N or 1, S, A0, ..), transitions (S, A0, .., S), initial (S,); step() takes and gives [(S, A_i)]."""

    def __init__(self, rewards, transitions, discount, initial, eta):
        self.rewards, self.transitions, self.discount = rewards, transitions, discount
        self.initial, self.eta = initial, eta

    def best_value(self, reward, transition):
        """Policy iteration for one player."""
        states = np.arange(len(reward))
        choice = reward.argmax(axis=1)
        while True:
            system = np.eye(len(reward)) - self.discount * transition[states, choice]
            value = np.linalg.solve(system, reward[states, choice])
            q = reward + self.discount * transition @ value
            if (q.max(axis=1) - value).max() <= 1e-12 * (1 + np.abs(value).max()):
                return value
            choice = q.argmax(axis=1)

    def step(self, policies):
        """The next policies, and the NE-gap (N,) of the given ones."""
        r, p, chain = marginal_models(self.rewards, self.transitions, policies)
        stage = np.stack([(x * y).sum(axis=1) for x, y in zip(policies, r, strict=True)])
        value = np.linalg.solve(np.eye(len(chain)) - self.discount * chain, stage.T).T
        after, gap = [], []
        for i, policy in enumerate(policies):
            q = r[i] + self.discount * p[i] @ value[i]
            gap.append((self.best_value(r[i], p[i]) - value[i]) @ self.initial)
            theta = np.log(policy) + self.eta / (1 - self.discount) * (q - value[i][:, None])
            weight = np.exp(theta - theta.max(axis=1, keepdims=True))
            after.append(weight / weight.sum(axis=1, keepdims=True))
        return after, np.array(gap)
