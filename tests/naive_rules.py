"""Twins of the rules of the papers, on top of :mod:`naive`: one step of all players at once, from the same policies."""

import numpy as np
from naive import (
    Game,
    adv_bar,
    barred,
    compared_at,
    entropy,
    gradient,
    how_many,
    join,
    log,
    marginal_reward,
    marginal_transition,
    project_simplex,
    q_bar,
    softmax,
    split,
    visitation,
)


@compared_at(eta=(0.3, 2.0), lam=(0.0, 0.2))
def gradient_play(game, policies, eta, lam=0.0):
    """theta += eta [d pi Abar/(1-gamma) + lam - lam A_i pi]   Zhang (8), (15)."""
    slopes = gradient(game, policies)
    return [softmax(log(p) + eta * (slopes[i] + lam - lam * how_many(game, policies, i) * p))
            for i, p in enumerate(policies)]


@compared_at(eta=(0.3, 2.0))
@compared_at(eta=(0.3,), lam=(0.0, 0.01), clip=(None, "raw", "centred"))
def natural_gradient_play(game, policies, eta, lam=0.0, clip=None):
    """pi ~ pi exp(w), w = eta [Abar/(1-gamma) + lam/(d pi) - lam A_i/d]   Zhang (9), (10), (17).

    clip "centred": w is clipped to [-1,1]; "raw": w = clip(eta [Qbar/(1-gamma) + lam/(d pi)]) instead.
    """
    d = visitation(game, policies)[:, None]
    q, advantage = q_bar(game, policies), adv_bar(game, policies)
    result = []
    for i, policy in enumerate(policies):
        barrier = lam / (d * np.where(policy > 0, policy, 1.0)) if lam else 0.0
        if clip == "raw":
            w = np.clip(eta * (q[i] / (1 - game.discount) + barrier), -1.0, 1.0)
        else:
            w = eta * (advantage[i] / (1 - game.discount) + barrier - lam * how_many(game, policies, i) / d)
            w = np.clip(w, -1.0, 1.0) if clip == "centred" else w
        result.append(softmax(log(policy) + w))
    return result


@compared_at(eta=(0.3,), tau=(0.0, 0.3, 2.0), advantage=("regularised", "printed"))
def entropy_natural_gradient_play(game, policies, eta, tau, advantage="regularised"):
    """pi ~ pi^(1 - eta tau/(1-gamma)) exp(eta Qbar^tau/(1-gamma))   Sun (2); printed (IV-C): Abar for Qbar^tau."""
    scale = eta / (1 - game.discount)
    q = adv_bar(game, policies) if advantage == "printed" else q_bar(game, policies, tau)
    return [softmax((1 - scale * tau) * log(p) + scale * q[i]) for i, p in enumerate(policies)]


@compared_at(eta=(0.3, 2.0))
def projected_gradient_ascent(game, policies, eta):
    """pi = P_Delta(pi + eta d Qbar/(1-gamma))   Ding."""
    d = visitation(game, policies)[:, None]
    q = q_bar(game, policies)
    return [project_simplex(p + eta * d * q[i] / (1 - game.discount)) for i, p in enumerate(policies)]


@compared_at(eta=(0.03, 0.3))
def q_ascent(game, policies, eta):
    """pi = P_Delta(pi + eta Qbar)   Ding."""
    q = q_bar(game, policies)
    return [project_simplex(p + eta * q[i]) for i, p in enumerate(policies)]


@compared_at(eta=(0.03, 0.3), critic=("smoothed", "exact", 0.25, (0.9, 0.5)))
class OptimisticQAscent:
    """Qc = r_i + gamma P_i V_i against what is played; V <- (1-a) V + a <pi, Qc>; pbar <- P(pbar + eta Qc);
    pi <- P(pbar + eta Qc)   Ding, Wei.   critic "exact": Qc is Qbar."""

    def __init__(self, game, policies, eta, critic="smoothed"):
        self.game, self.eta, self.critic, self.k = game, eta, critic, 0
        self.policies, self.anchor = [p.copy() for p in policies], [p.copy() for p in policies]
        self.value = np.zeros((len(policies), len(policies[0])))

    def step(self):
        game, self.k = self.game, self.k + 1
        horizon = 2 / (1 - game.discount)
        if self.critic == "exact":
            ahead, share = q_bar(game, self.policies), 0.0
        else:
            ahead = [barred(game, i, marginal_reward(game.rewards, self.policies, i)
                            + game.discount * marginal_transition(game.transitions, self.policies, i) @ self.value[i])
                     for i in range(len(self.policies))]
            share = ((horizon + 1) / (horizon + self.k) if self.critic == "smoothed"
                     else min(1.0, self.critic[0] * self.k ** -self.critic[1]) if isinstance(self.critic, tuple)
                     else self.critic)
        for i, p in enumerate(self.policies):
            seen = np.where(p > 0, p * np.where(p > 0, ahead[i], 0.0), 0.0).sum(axis=1)
            self.value[i] = (1 - share) * self.value[i] + share * seen
            self.anchor[i] = project_simplex(self.anchor[i] + self.eta * ahead[i])
            self.policies[i] = project_simplex(self.anchor[i] + self.eta * ahead[i])


# Sampled feedback


def step_size(given, n):
    """Step size at the n-th visit: (n + c)^-p from (p, c), or a table whose last entry holds on."""
    return (n + given[1]) ** -given[0] if len(given) == 2 else given[min(n, len(given)) - 1]


class TwoTimescaleQ:
    """Algorithm 1 of Maheshwari et al., every right-hand side at its old values.

        q_i(s,a_i) += alpha(n_i(s,a_i)) [r_i - tau nu_i(s) + gamma sum_b pi_i(b|t) q_i(t,b) - q_i(s,a_i)]
        pi_i(s)    += beta(n(s)) [softmax(q_i(s)/tau) - pi_i(s)]
    """

    def __init__(self, game, policies, tau, alpha=(0.6, 1.0), beta=(1.0, 1.0)):
        self.discount, self.tau, self.alpha, self.beta = game.discount, tau, alpha, beta
        self.policies = [np.array(p) for p in policies]
        self.q = [barred(game, i, np.zeros(p.shape)) for i, p in enumerate(policies)]
        self.counts = [np.zeros(p.shape, int) for p in policies]
        self.visits = np.zeros(len(policies[0]), int)

    def step(self, seen):
        """One stage: (row of the state, actions, rewards, row of the next state)."""
        s, actions, rewards, t = seen
        self.visits[s] += 1
        for i, a in enumerate(actions):
            self._update_player(i, s, a, rewards[i], t)

    def _update_player(self, i, s, a, reward, t):
        q, pi, n = self.q[i], self.policies[i], self.counts[i]
        n[s, a] += 1
        alpha, beta = step_size(self.alpha, int(n[s, a])), step_size(self.beta, int(self.visits[s]))
        nu = -entropy(pi[s])
        aim = reward - self.tau * nu + self.discount * np.sum(pi[t] * np.where(pi[t] > 0, q[t], 0.0))
        moved = pi[s] + beta * (softmax(q[s] / self.tau) - pi[s])
        q[s, a] += alpha * (aim - q[s, a])
        pi[s] = moved


def monte_carlo_gradient_ascent(game, policies, seen, eta=0.1, rollouts=10, length=20,
                                kind="gradient", exploration=0.0):
    """pi = P(pi + eta ghat) or P(pi + eta (Qhat - Vhat)), P onto (1 - xi) simplex + xi uniform, in rows that were seen.

    seen: tables (S, A_total) of one batch: visits, returns to go, and gamma^t times the return to go from step t.
    """
    result = []
    tables = zip(*(split(table, [p.shape[1] for p in policies]) for table in seen), strict=True)
    for i, (policy, (visits, returns, discounted)) in enumerate(zip(policies, tables, strict=True)):
        moved, there = policy.copy(), barred(game, i, np.zeros(policy.shape)) == 0.0
        for s in np.flatnonzero(visits.sum(axis=1)):
            row, n = policy[s].copy(), visits[s]
            if kind == "gradient":
                row[row > 0] += eta * discounted[s][row > 0] / (rollouts * row[row > 0])
            else:
                row[n > 0] += eta * (returns[s][n > 0] / n[n > 0] - returns[s].sum() / n.sum())
            row, least = row[there[s]], exploration / there[s].sum()
            moved[s, there[s]] = least + (1 - exploration) * project_simplex((row - least) / (1 - exploration))
        result.append(moved)
    return result


def two_timescale_q(rows, actions, reward, num_actions, num_states, discount, tau, alpha, beta, at, policies=None):
    """:class:`TwoTimescaleQ` along a given trajectory.

    rows (K + 1,) and actions (K, N) as they were observed; reward(k) is the vector over players at step k. Returns
    {k: (q, policy, counts, visits)} after k steps, for every k in ``at``; the first two and counts are (S, A_total).
    """
    pi = [np.full((num_states, n), 1.0 / n) for n in num_actions] if policies is None else policies
    twin, found, wanted = TwoTimescaleQ(Game(None, None, discount, None), pi, tau, alpha, beta), {}, set(map(int, at))
    for k in range(len(actions) + 1):
        if k in wanted:
            found[k] = join(twin.q), join(twin.policies), join(twin.counts), twin.visits.copy()
        if k < len(actions):
            twin.step((rows[k], actions[k], reward(k), rows[k + 1]))
    return found
