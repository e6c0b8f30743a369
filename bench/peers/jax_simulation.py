"""Two-timescale Q-learning of many runs side by side as one vmapped jax.lax.scan, in float64; optional."""

import numpy as np


def runner(rewards, transitions, n_actions, discount, tau, exponents, runs, steps):
    """A function that plays ``steps`` stages of ``runs`` runs in one call and waits for them.

    rewards (N, S, J)   transitions (S, J, S)   n_actions (N,), all alike   exponents: of alpha and of beta, shift 1
    """
    import jax
    import jax.numpy as jnp

    jax.config.update("jax_enable_x64", True)
    n, states = len(n_actions), transitions.shape[0]
    depth = int(n_actions[0])
    pay, chain = jnp.asarray(rewards), jnp.cumsum(jnp.asarray(transitions), axis=-1)
    stride = jnp.asarray([depth ** (n - 1 - i) for i in range(n)])
    players = jnp.arange(n)

    def stage(run, _):
        q, policy, counts, visits, s, key = run
        key, draw = jax.random.split(key)
        u = jax.random.uniform(draw, (n + 1,), jnp.float64)
        row = policy[s]
        a = jnp.minimum((u[:n, None] >= jnp.cumsum(row, axis=1)).sum(axis=1), depth - 1)
        j = (a * stride).sum()
        t = jnp.minimum((u[n] >= chain[s, j]).sum(), states - 1)
        visits = visits.at[s].add(1.0)
        counts = counts.at[s, players, a].add(1.0)
        alpha, beta = (counts[s, players, a] + 1.0) ** -exponents[0], (visits[s] + 1.0) ** -exponents[1]
        nu = jnp.where(row > 0, row * jnp.log(jnp.where(row > 0, row, 1.0)), 0.0).sum(axis=1)
        value = (policy[t] * q[t]).sum(axis=1)
        own = q[s, players, a]
        moved = row + beta * (jax.nn.softmax(q[s] / tau, axis=1) - row)
        q = q.at[s, players, a].set(own + alpha * (pay[:, s, j] - tau * nu + discount * value - own))
        return (q, policy.at[s].set(moved), counts, visits, t, key), None

    @jax.jit
    def play(keys):
        zero = jnp.zeros((states, n, depth))

        def one(key):
            start = (zero, zero + 1.0 / depth, zero, jnp.zeros(states), 0, key)
            return jax.lax.scan(stage, start, None, length=steps)[0][:2]

        return jax.vmap(one)(keys)

    keys = jax.random.split(jax.random.key(0), runs)

    def call():
        return [np.asarray(each) for each in jax.block_until_ready(play(keys))]

    return call
