"""Sun et al.'s static update as one jax.lax.scan, in float64; optional (pip install jax)."""

import numpy as np


def runner(payoffs, policies, eta, tau, steps):
    """A function that makes ``steps`` iterations in one call and waits for them; and its first result."""
    import jax
    import jax.numpy as jnp

    jax.config.update("jax_enable_x64", True)
    tables = jnp.asarray(payoffs)
    letters = "abcdefgh"[: len(policies)]

    def marginal(i, now):
        others = [now[j] for j in range(len(now)) if j != i]
        names = [letters[j] for j in range(len(now)) if j != i]
        return jnp.einsum(f"{letters},{','.join(names)}->{letters[i]}", tables[i], *others)

    def step(thetas, _):
        now = [jax.nn.softmax(theta) for theta in thetas]
        return [(1 - eta * tau) * theta + eta * marginal(i, now) for i, theta in enumerate(thetas)], None

    @jax.jit
    def run(thetas):
        return jax.lax.scan(step, thetas, None, length=steps)[0]

    start = [jnp.log(jnp.asarray(p)) for p in policies]

    def call():
        return [np.asarray(jax.nn.softmax(theta)) for theta in jax.block_until_ready(run(start))]

    return call, call()
