"""One natural-gradient iteration with its NE-gap, as a good NumPy user writes it: a yardstick for the compiled kernels.

    pi_i <- pi_i exp(eta Abar_i / (1 - gamma)) / Z        Zhang et al. (2022), eq. (9)-(10)

Marginals meet in the middle: the players are cut in two halves, each half's joint law contracts the other's axes by
batched matmul, and so on down to single players. P is read twice (once from memory: big tensors go state by state,
so that the second read hits the cache) and every later tensor has only the square root of the joint actions.
Memory is allocated once: above a few 100 kB fresh pages cost as much as the arithmetic.
Nothing is padded: players' actions lie side by side in A_total columns.
"""

import numpy as np

CACHE_BYTES = 1 << 24  # tensors above this are contracted state by state


def workspace(num_actions, num_states):
    """{(lo, hi): (S, joint actions of players lo..hi-1, S)} for the groups cut below; single players share "all"."""
    ends = np.cumsum([0, *num_actions])
    everyone = np.empty((num_states, ends[-1], num_states))
    work = {"all": everyone}

    def fill(lo, hi):
        if hi - lo == 1:
            work[lo, hi] = everyone[:, ends[lo] : ends[hi]]
        else:
            work[lo, hi] = np.empty((num_states, int(np.prod(num_actions[lo:hi])), num_states))
            fill(lo, (lo + hi) // 2)
            fill((lo + hi) // 2, hi)

    if len(num_actions) == 1:
        fill(0, 1)
    else:
        fill(0, len(num_actions) // 2)
        fill(len(num_actions) // 2, len(num_actions))
    return work


def joint_laws(policies):
    """{(lo, hi): (S, joint actions of players lo..hi-1)} for the same groups."""
    laws = {}

    def fill(lo, hi):
        if hi - lo == 1:
            laws[lo, hi] = policies[lo]
        else:
            mid = (lo + hi) // 2
            left, right = fill(lo, mid), fill(mid, hi)
            laws[lo, hi] = (left[:, :, None] * right[:, None, :]).reshape(len(left), -1)
        return laws[lo, hi]

    if len(policies) > 1:  # nobody needs the law of all players
        fill(0, len(policies) // 2)
        fill(len(policies) // 2, len(policies))
    return laws


def fill_transitions(transition, laws, work, lo, hi):
    """(S, J, S) over the joint actions of players lo..hi-1 -> their P_i (S, A_i, S), in work[i, i + 1]."""
    if hi - lo == 1:
        if transition is not work[lo, hi]:  # a game of one player
            work[lo, hi][...] = transition
        return
    mid = (lo + hi) // 2
    left, right = laws[lo, mid], laws[mid, hi]
    num_states, num_left, num_right = len(left), left.shape[1], right.shape[1]
    blocks = transition.reshape(num_states, num_left, num_right, num_states)
    rows = transition.reshape(num_states, num_left, num_right * num_states)
    for_left, for_right = work[lo, mid], work[mid, hi]
    for_right_rows = for_right.reshape(num_states, num_right * num_states)
    if transition.nbytes > CACHE_BYTES:
        for s in range(num_states):
            np.matmul(left[s], rows[s], out=for_right_rows[s])
            np.matmul(right[s], blocks[s], out=for_left[s])
    else:
        np.matmul(left[:, None], rows, out=for_right_rows[:, None])
        np.matmul(right[:, None, None], blocks, out=for_left[:, :, None])
    fill_transitions(for_left, laws, work, lo, mid)
    fill_transitions(for_right, laws, work, mid, hi)


def reward_marginals(reward, laws, lo, hi):
    """(players lo..hi-1 or 1, S, J) over their joint actions -> [r_i (S, A_i)]; one plane is everybody's."""
    if hi - lo == 1:
        return [reward[0]]
    mid = (lo + hi) // 2
    left, right = laws[lo, mid], laws[mid, hi]
    for_left, for_right = (reward, reward) if len(reward) == 1 else (reward[: mid - lo], reward[mid - lo :])
    shape = (-1, len(left), left.shape[1], right.shape[1])
    return [
        *reward_marginals((for_left.reshape(shape) @ right[:, :, None])[..., 0], laws, lo, mid),
        *reward_marginals((left[:, None] @ for_right.reshape(shape))[:, :, 0], laws, mid, hi),
    ]


def marginal_models(rewards, transitions, policies, work=None):
    """[r_i (S, A_i)], [P_i (S, A_i, S)] of each player against the others, and P_pi (S, S).

    The P_i are views of work["all"] (S, A_total, S): a caller that gives a workspace finds them overwritten next time.
    """
    num_states, num_players = len(transitions), len(policies)
    work = workspace(transitions.shape[1:-1], num_states) if work is None else work
    laws = joint_laws(policies)
    r = reward_marginals(rewards.reshape(len(rewards), num_states, -1), laws, 0, num_players)
    fill_transitions(transitions.reshape(num_states, -1, num_states), laws, work, 0, num_players)
    p = [work[i, i + 1] for i in range(num_players)]
    return r, p, (policies[0][:, None] @ p[0])[:, 0]


class NaturalGradient:
    """rewards (N or 1, S, A0, ..), transitions (S, A0, .., S), initial (S,); step() takes and gives [(S, A_i)]."""

    def __init__(self, rewards, transitions, discount, initial, eta):
        self.rewards, self.transitions = np.ascontiguousarray(rewards), np.ascontiguousarray(transitions)
        self.discount, self.initial, self.eta = discount, initial, eta
        num_actions, num_states = np.array(transitions.shape[1:-1]), len(transitions)
        num_players, total = len(num_actions), num_actions.sum()
        self.work = workspace(num_actions, num_states)
        self.chains = np.empty((num_players, num_states, num_states))
        self.identity = np.eye(num_states)
        self.last = np.cumsum(num_actions)
        self.first = self.last - num_actions  # player i is columns first[i]:last[i]
        self.owner = np.repeat(np.arange(num_players), num_actions)  # (A_total,) player of each column
        self.own_value = np.arange(total) * num_players + self.owner  # column c of player owner[c], in (A_total, N)
        self.row = np.arange(num_states) * total  # state s, column c is row[s] + c of (S * A_total)
        # (A_max, N) columns of each player, the last one repeated: repeats cannot change a maximum or the first argmax
        self.choices = self.first + np.minimum(np.arange(num_actions.max())[:, None], num_actions - 1)

    def averaged_q(self, reward, value):
        """Qbar (S, A_total) = r + gamma P V, each column with its own player's row of V (N, S)."""
        ahead = (self.work["all"] @ value.T).reshape(len(reward), -1)
        return reward + self.discount * ahead.take(self.own_value, axis=1)

    def best_values(self, reward, q):
        """Best-response values (N, S): policy iteration from the greedy policy of q, all players side by side."""
        num_states = len(reward)
        rows, chains = self.work["all"].reshape(-1, num_states), self.chains
        while True:
            choice = q.take(self.choices, axis=1).argmax(axis=1)  # (S, N)
            taken = self.row + (self.first + choice).T  # (N, S)
            rows.take(taken, axis=0, out=chains, mode="clip")
            chains *= -self.discount
            chains += self.identity
            best = np.linalg.solve(chains, reward.take(taken)[..., None])[..., 0]
            q = self.averaged_q(reward, best)
            gain = np.maximum.reduceat(q, self.first, axis=1).T - best
            if gain.max() <= 1e-12 * (1.0 + np.abs(best).max()):
                return best

    def step(self, policies):
        """The next policies, and the NE-gap (N,) of the given ones."""
        r, _, chain = marginal_models(self.rewards, self.transitions, policies, self.work)
        policy, reward = np.concatenate(policies, axis=1), np.concatenate(r, axis=1)
        stage = np.add.reduceat(policy * reward, self.first, axis=1)
        value = np.linalg.solve(self.identity - self.discount * chain, stage).T
        q = self.averaged_q(reward, value)
        gap = (self.best_values(reward, q) - value) @ self.initial
        advantage = q - value.take(self.owner, axis=0).T
        with np.errstate(divide="ignore"):
            theta = np.log(policy) + self.eta / (1.0 - self.discount) * advantage
        weight = np.exp(theta - np.maximum.reduceat(theta, self.first, axis=1).take(self.owner, axis=1))
        weight /= np.add.reduceat(weight, self.first, axis=1).take(self.owner, axis=1)
        return [weight[:, a:b] for a, b in zip(self.first, self.last, strict=True)], gap
