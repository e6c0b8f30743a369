"""Slow, obvious twins of the exact core: plain NumPy, loops over states and joint actions, nothing shared with fastmpg.

rewards (N, S, A0, ..), transitions (S, A0, .., S), initial (S,); a policy is a list of N arrays (S, A_i); values are
(N, S); other per-player results are lists of (S, A_i). One state and discount 0 make a normal-form game. Where players
lack actions, ``available`` is a list of N arrays (S, A_i): they are worth -inf, and tables hold anything finite there.
"""

import functools
import importlib
import re
from itertools import product
from pathlib import Path
from typing import NamedTuple

import numpy as np
from scipy.optimize import linprog


class Game(NamedTuple):
    rewards: np.ndarray
    transitions: np.ndarray
    discount: float
    initial: np.ndarray
    available: list | None = None


def barred(game, i, table):
    """A table (S, A_i) of player i, -inf where it does not have the action."""
    return table if game.available is None else np.where(game.available[i], table, -np.inf)


def how_many(game, policies, i):
    """(S, 1): how many actions player i has."""
    return (np.full((len(policies[i]), 1), policies[i].shape[1]) if game.available is None
            else game.available[i].sum(axis=1)[:, None])


def random_game(rng, num_actions, num_states, discount, shared=False):
    """P(.|s,a) flat Dirichlet, r_i(s,a) ~ U(-1,1) (the same for all players when shared), rho flat Dirichlet."""
    shape = (num_states, *num_actions)
    rewards = rng.uniform(-1.0, 1.0, (1 if shared else len(num_actions), *shape))
    rewards = np.concatenate([rewards] * len(num_actions)) if shared else rewards
    transitions = rng.dirichlet(np.ones(num_states), shape)
    return Game(rewards, transitions, discount, rng.dirichlet(np.ones(num_states)))


def random_policy(rng, num_actions, num_states):
    """pi_i(.|s) flat Dirichlet."""
    return [rng.dirichlet(np.ones(n), num_states) for n in num_actions]


def split(policy, num_actions):
    """(S, A_total) -> [(S, A_i)], player i after the columns of the players before."""
    ends = [sum(num_actions[: i + 1]) for i in range(len(num_actions))]
    return [np.array(policy[:, end - n : end]) for end, n in zip(ends, num_actions, strict=True)]


def join(policies):
    """[(S, A_i)] -> (S, A_total)."""
    return np.concatenate(policies, axis=1)


# Rows of probabilities: every function works along the last axis


def log_softmax(theta):
    """theta - log sum_b exp theta_b, the maximum taken out first."""
    shifted = theta - np.max(theta, axis=-1, keepdims=True)
    return shifted - np.log(np.sum(np.exp(shifted), axis=-1, keepdims=True))


def softmax(theta):
    """exp(theta_a) / sum_b exp(theta_b)."""
    weights = np.exp(theta - np.max(theta, axis=-1, keepdims=True))
    return weights / np.sum(weights, axis=-1, keepdims=True)


def log(p):
    """log p, with log 0 = -inf and no warning."""
    with np.errstate(divide="ignore"):
        return np.log(p)


def entropy(p):
    """H(p) = -sum p log p, 0 log 0 = 0."""
    return -np.sum(p * log(np.where(p > 0, p, 1.0)), axis=-1)


def kl(p, q):
    """KL(p || q) = sum p log(p / q), 0 log 0 = 0; infinite where q = 0 < p."""
    return np.sum(np.where(p > 0, p, 0.0) * np.where(p > 0, log(np.where(p > 0, p, 1.0)) - log(q), 0.0), axis=-1)


def project_simplex(v):
    """argmin_p |p - v|_2 over the simplex: p = max(v - t, 0), t = (sum of the k largest - 1)/k for the last valid k."""
    if np.ndim(v) > 1:
        return np.array([project_simplex(row) for row in v])
    largest = np.sort(v)[::-1]
    threshold = 0.0
    for k in range(1, len(v) + 1):
        candidate = (np.sum(largest[:k]) - 1.0) / k
        if largest[k - 1] > candidate:
            threshold = candidate
    return np.maximum(v - threshold, 0.0)


# The induced chain and the marginalised models


def profiles(policies):
    """Every joint action a = (a_0, .., a_{N-1}), player 0 slowest."""
    return product(*[range(p.shape[1]) for p in policies])


def joint_probability(policies, s, a):
    """pi(a|s) = prod_i pi_i(a_i|s)."""
    probability = 1.0
    for policy, own in zip(policies, a, strict=True):
        probability *= policy[s, own]
    return probability


def others_probability(policies, s, a, i):
    """pi_-i(a_-i|s) = prod_{k != i} pi_k(a_k|s)."""
    probability = 1.0
    for k, policy in enumerate(policies):
        if k != i:
            probability *= policy[s, a[k]]
    return probability


def induced_chain(transitions, policies):
    """P^pi(t|s) = sum_a pi(a|s) P(t|s,a)."""
    num_states = transitions.shape[0]
    chain = np.zeros((num_states, num_states))
    for s in range(num_states):
        for a in profiles(policies):
            chain[s] += joint_probability(policies, s, a) * transitions[(s, *a)]
    return chain


def induced_reward(rewards, policies):
    """r_i^pi(s) = sum_a pi(a|s) r_i(s,a)."""
    reward = np.zeros(rewards.shape[:2])
    for s in range(rewards.shape[1]):
        for a in profiles(policies):
            reward[:, s] += joint_probability(policies, s, a) * rewards[(slice(None), s, *a)]
    return reward


def marginal_reward(rewards, policies, i):
    """r_i(s,a_i) = sum_{a_-i} pi_-i(a_-i|s) r_i(s,a)."""
    marginal = np.zeros(policies[i].shape)
    for s in range(rewards.shape[1]):
        for a in profiles(policies):
            marginal[s, a[i]] += others_probability(policies, s, a, i) * rewards[(i, s, *a)]
    return marginal


def marginal_transition(transitions, policies, i):
    """P_i(t|s,a_i) = sum_{a_-i} pi_-i(a_-i|s) P(t|s,a)."""
    num_states = transitions.shape[0]
    marginal = np.zeros((*policies[i].shape, num_states))
    for s in range(num_states):
        for a in profiles(policies):
            marginal[s, a[i]] += others_probability(policies, s, a, i) * transitions[(s, *a)]
    return marginal


# Counts: anonymous games


def counts_of(actions, num_actions):
    """How many players choose each action."""
    return tuple(list(actions).count(a) for a in range(num_actions))


def others_count_law(rows, i):
    """{counts of the others: probability} for player i, from every joint action of the others; rows (N, L)."""
    law = {}
    for a in product(range(rows.shape[1]), repeat=len(rows) - 1):
        others = [row for k, row in enumerate(rows) if k != i]
        probability = 1.0
        for row, own in zip(others, a, strict=True):
            probability *= row[own]
        counts = counts_of(a, rows.shape[1])
        law[counts] = law.get(counts, 0.0) + probability
    return law


def count_game(payoff, rows, num_players, num_actions, discount, initial):
    """The game with r_i(s, a) = payoff(i, s, a_i, counts) and P(.|s, a) = rows(s, counts), over all joint actions."""
    shape = (len(initial), *(num_actions,) * num_players)
    rewards, transitions = np.zeros((num_players, *shape)), np.zeros((*shape, len(initial)))
    for s in range(len(initial)):
        for a in product(range(num_actions), repeat=num_players):
            counts = counts_of(a, num_actions)
            transitions[(s, *a)] = rows(s, counts)
            for i in range(num_players):
                rewards[(i, s, *a)] = payoff(i, s, a[i], counts)
    return Game(rewards, transitions, discount, initial)


# Values


def value(game, policies, tau=0.0):
    """V_i = (I - gamma P^pi)^-1 (r_i^pi + tau H(pi_i))."""
    chain = induced_chain(game.transitions, policies)
    stage = induced_reward(game.rewards, policies) + tau * np.array([entropy(p) for p in policies])
    return np.linalg.solve(np.eye(len(chain)) - game.discount * chain, stage.T).T


def visitation(game, policies):
    """d = (1-gamma) rho^T (I - gamma P^pi)^-1."""
    chain = induced_chain(game.transitions, policies)
    return (1 - game.discount) * np.linalg.solve((np.eye(len(chain)) - game.discount * chain).T, game.initial)


def q_bar(game, policies, tau=0.0):
    """Qbar_i(s,a_i) = r_i(s,a_i) + gamma sum_t P_i(t|s,a_i) V_i^tau(t); no entropy at s itself."""
    values = value(game, policies, tau)
    return [
        barred(game, i, marginal_reward(game.rewards, policies, i))
        + game.discount * marginal_transition(game.transitions, policies, i) @ values[i]
        for i in range(len(policies))
    ]


def adv_bar(game, policies):
    """Abar_i(s,a_i) = Qbar_i(s,a_i) - V_i(s)."""
    values = value(game, policies)
    return [q - values[i][:, None] for i, q in enumerate(q_bar(game, policies))]


def gradient(game, policies):
    """dV_i(rho)/dtheta_{s,a_i} = d(s) pi_i(a_i|s) Abar_i(s,a_i) / (1-gamma)   Zhang eq. 4."""
    d = visitation(game, policies)
    return [d[:, None] * p * np.where(p > 0, a, 0.0) / (1 - game.discount)
            for p, a in zip(policies, adv_bar(game, policies), strict=True)]


def grad_norm(game, policies):
    """2-norm of the softmax-parameter gradient over all players, states and actions."""
    return np.sqrt(sum(np.sum(g**2) for g in gradient(game, policies)))


def value_of_theta(game, thetas, i):
    """V_i(rho) at pi = softmax(theta)."""
    return game.initial @ value(game, [softmax(theta) for theta in thetas])[i]


def finite_difference_gradient(game, thetas, h=1e-5):
    """(V_i(rho; theta + h e) - V_i(rho; theta - h e)) / 2h for every entry of player i's own theta."""
    result = [np.zeros(theta.shape) for theta in thetas]
    for i, theta in enumerate(thetas):
        for entry in np.ndindex(theta.shape):
            ends = []
            for step in (h, -h):
                moved = [np.array(t, dtype=float) for t in thetas]
                moved[i][entry] += step
                ends.append(value_of_theta(game, moved, i))
            result[i][entry] = (ends[0] - ends[1]) / (2 * h)
    return result


# Best responses and gaps


def _iterate(operator, discount, start):
    """Fixed point of a gamma-contraction T by V <- TV until |V* - TV| <= |TV - V| gamma/(1-gamma) <= 1e-13.

    In long double, so that rounding does not spoil the certificate; where that is no longer than a double, to rounding.
    Any start will do: a good one saves sweeps.
    """
    values = np.array(start, dtype=np.longdouble)
    while True:
        new = operator(values)
        residual, largest = np.max(np.abs(new - values)), np.max(np.abs(new))
        values = new
        if residual <= max(1e-13 * (1 - discount), 8 * np.finfo(np.longdouble).eps * largest):
            return values.astype(float)


def _policy_iteration(reward, transition, discount, respond, rounds=20):
    """Values after some rounds of pi = respond(q), V = V^pi: near the best ones.    respond: q -> (pi, bonus (S,))"""
    finite, values = np.where(np.isfinite(reward), reward, 0.0), np.zeros(len(reward))
    for _ in range(rounds):
        law, bonus = respond(reward + discount * transition @ values)
        chain, stage = np.einsum("sa,sat->st", law, transition), np.sum(law * finite, axis=1) + bonus
        values = np.linalg.solve(np.eye(len(reward)) - discount * chain, stage)
    return values


def best_response(game, policies, i):
    """argmax and max over pi_i' of V_i(.; pi_i', pi_-i): all deterministic policies, or value iteration if too many."""
    reward = barred(game, i, marginal_reward(game.rewards, policies, i))
    transition = marginal_transition(game.transitions, policies, i)
    num_states, num_actions = reward.shape
    states = np.arange(num_states)
    if num_actions**num_states <= 4096:
        best, actions = None, None
        for candidate in product(range(num_actions), repeat=num_states):
            chain, stage = transition[states, candidate], reward[states, candidate]
            if not np.isfinite(stage).all():
                continue
            values = np.linalg.solve(np.eye(num_states) - game.discount * chain, stage)
            if best is None or np.sum(values) > np.sum(best):  # the optimal policy is best from every state at once
                best, actions = values, candidate
    else:
        pure = np.eye(num_actions)
        greedy = _policy_iteration(reward, transition, game.discount, lambda q: (pure[q.argmax(axis=1)], 0.0))
        best = _iterate(lambda v: np.max(reward + game.discount * transition @ v, axis=1), game.discount, greedy)
        actions = np.argmax(reward + game.discount * transition @ best, axis=1)
    return np.eye(num_actions)[list(actions)], best


def best_response_lp(game, policies, i):
    """min sum_s V(s) subject to V(s) >= r_i(s,a_i) + gamma sum_t P_i(t|s,a_i) V(t) for all s, a_i."""
    reward, transition = marginal_reward(game.rewards, policies, i), marginal_transition(game.transitions, policies, i)
    rows, bounds = [], []
    for s, a in np.ndindex(reward.shape):
        rows.append(game.discount * transition[s, a] - np.eye(len(reward))[s])
        bounds.append(-reward[s, a])
    options = {"primal_feasibility_tolerance": 1e-10, "dual_feasibility_tolerance": 1e-10}
    return linprog(np.ones(len(reward)), rows, bounds, bounds=(None, None), method="highs", options=options).x


def soft_best_response(game, policies, i, tau):
    """V(s) = tau log sum_a exp(q(s,a)/tau), q = r_i + gamma P_i V; pi_i = softmax(q/tau)."""
    reward = barred(game, i, marginal_reward(game.rewards, policies, i))
    transition = marginal_transition(game.transitions, policies, i)

    def backup(values):
        q = reward + game.discount * transition @ values
        top = np.max(q, axis=1)
        return top + tau * np.log(np.sum(np.exp((q - top[:, None]) / tau), axis=1))

    def respond(q):
        law = softmax(q / tau)
        return law, tau * entropy(law)

    values = _iterate(backup, game.discount, _policy_iteration(reward, transition, game.discount, respond))
    return softmax((reward + game.discount * transition @ values) / tau), values


def ne_gap(game, policies):
    """max_{pi_i'} V_i(rho; pi_i', pi_-i) - V_i(rho; pi), one per player."""
    values = value(game, policies)
    return np.array([game.initial @ (best_response(game, policies, i)[1] - values[i]) for i in range(len(policies))])


def qre_gap(game, policies, tau):
    """The gap with stage payoff r_i + tau H(pi_i(.|s)), one per player; tau = 0 is the NE-gap."""
    if tau == 0:
        return ne_gap(game, policies)
    best = [soft_best_response(game, policies, i, tau)[1] for i in range(len(policies))]
    return (np.array(best) - value(game, policies, tau)) @ game.initial


def nash_regret(gaps):
    """(1/T) sum_t max_i NE-gap_i(pi^t)."""
    return sum(max(gap) for gap in gaps) / len(gaps)


def c_of(game, policies):
    """c(pi) = min_{i,s} sum of pi_i(a_i|s) over a_i in argmax Qbar_i(s,.)."""
    smallest = 1.0
    for policy, q in zip(policies, q_bar(game, policies), strict=True):
        for s in range(len(q)):
            ties = q[s] >= np.max(q[s]) - 1e-12 * np.max(np.abs(q[s][np.isfinite(q[s])]))
            smallest = min(smallest, np.sum(policy[s, ties]))
    return smallest


def mismatch(game, policies):
    """M(pi) = max_s 1/d(s)."""
    return np.max(1.0 / visitation(game, policies))


def round_robin_best_response(game, profile):
    """Pure profiles, one state: players in turn go to their lowest best reply if strictly better; (profile, converged).

    Stops when a whole round moves nobody (a pure Nash equilibrium) or a profile comes back at the start of a round.
    """
    profile, seen = list(profile), set()
    while tuple(profile) not in seen:
        seen.add(tuple(profile))
        moved = False
        for i in range(len(profile)):
            payoffs = list(game.rewards[(i, 0, *profile[:i], slice(None), *profile[i + 1 :])])
            if max(payoffs) > payoffs[profile[i]]:
                profile[i] = payoffs.index(max(payoffs))
                moved = True
        if not moved:
            return tuple(profile), True
    return tuple(profile), False


def q_tilde(game, policies, tau):
    """q_i(s,a_i) = r_i(s,a_i) - tau nu_i(s) + gamma sum_t P_i(t|s,a_i) sum_b pi_i(b|t) q_i(t,b), solved in all (s, a_i)
    at once.
    """
    result = []
    for i, own in enumerate(policies):
        num_states, n = own.shape
        constant = marginal_reward(game.rewards, policies, i) + tau * entropy(own)[:, None]
        moves = marginal_transition(game.transitions, policies, i)
        onward = np.einsum("sat,tb->satb", moves, own).reshape(num_states * n, num_states * n)
        result.append(np.linalg.solve(np.eye(num_states * n) - game.discount * onward,
                                      constant.ravel()).reshape(num_states, n))
    return result


# Twins of rules, found by name (twin_of): a function that makes one step of all players at once, from the same
# policies, or a class that keeps what the rule remembers. Parameters beyond the rule's own examples at which it is
# compared stand in front of it.


def compared_at(**grid):
    """Compare a twin at every combination of these parameters, too."""

    def decorate(twin):
        twin.grids = [*getattr(twin, "grids", []), grid]
        return twin

    return decorate


class _Stepper:
    """A twin that remembers nothing, as one that does."""

    def __init__(self, step, game, policies, parameters):
        self.game, self.policies, self._step, self._parameters = game, policies, step, parameters

    def step(self, seen=None):
        more = () if seen is None else (seen,)
        self.policies = self._step(self.game, self.policies, *more, **self._parameters)


@functools.cache
def twin_of(rule):
    """The class of a rule's very name, or the function whose name is that in snake case, of any file naive_*.py beside
    this one; None if there is neither.
    """
    snake = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", rule).lower()
    for path in sorted(Path(__file__).parent.glob("naive_*.py")):
        module = importlib.import_module(path.stem)
        found = getattr(module, rule, None) or getattr(module, snake, None)
        if found is not None and found.__module__ == path.stem:
            return found
    return None


def start(twin, game, policies, **parameters):
    """A twin at its first policies: ``step()``, for sampled rules ``step(what players saw)``, moves ``policies`` on."""
    if isinstance(twin, type):
        return twin(game, policies, **parameters)
    return _Stepper(twin, game, policies, parameters)
