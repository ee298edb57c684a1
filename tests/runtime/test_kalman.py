import numpy as np

from patchskip.runtime.tasks import kalman


def measured(x, y=100.0, aspect=0.4, height=50.0):
    return np.array([[x, y, aspect, height]])


def follow(values):
    state = kalman.start(values[0])
    for value in values[1:]:
        state = kalman.update(*kalman.predict(*state), value)
    return state


def test_a_steady_walk_is_learnt():
    means, covariances = follow([measured(10 + 3 * i) for i in range(40)])
    np.testing.assert_allclose(means[0], [10 + 3 * 39, 100, 0.4, 50, 3, 0, 0, 0], atol=0.05)
    predicted, _ = kalman.predict(means, covariances)
    assert abs(predicted[0, 0] - (10 + 3 * 40)) < 0.1


def test_update_is_the_textbook_formula(rng):
    """K = P H' (H P H' + R)^-1, for every track by itself."""
    values = rng.uniform(20, 80, (3, 4))
    means, covariances = kalman.predict(*kalman.start(values))
    new = values + rng.normal(0, 2, values.shape)
    found = kalman.update(means, covariances, new)
    for i in range(3):
        h, height = np.eye(4, 8), means[i, 3]
        noise = np.diag(np.square([height / 20, height / 20, 0.1, height / 20]))
        gain = covariances[i] @ h.T @ np.linalg.inv(h @ covariances[i] @ h.T + noise)
        np.testing.assert_allclose(found[0][i], means[i] + gain @ (new[i] - h @ means[i]))
        np.testing.assert_allclose(found[1][i], (np.eye(8) - gain @ h) @ covariances[i], atol=1e-9)


def test_distance_is_mahalanobis(rng):
    values = rng.uniform(20, 80, (3, 4))
    state = kalman.predict(*kalman.start(values))
    others = rng.uniform(20, 80, (5, 4))
    found = kalman.distance(*state, others)
    assert found.shape == (3, 5)
    for i, mean in enumerate(state[0]):
        noise = np.diag(np.square([mean[3] / 20, mean[3] / 20, 0.1, mean[3] / 20]))
        inverse = np.linalg.inv(state[1][i, :4, :4] + noise)
        for j, other in enumerate(others):
            apart = other - mean[:4]
            np.testing.assert_allclose(found[i, j], apart @ inverse @ apart)


def test_uncertainty_grows_while_nothing_is_seen():
    state = follow([measured(10 + 3 * i) for i in range(10)])
    wide = kalman.distance(*state, measured(60))[0, 0]
    for _ in range(5):
        state = kalman.predict(*state)
    assert kalman.distance(*state, state[0][:, :4] + [[23.0, 0, 0, 0]])[0, 0] < wide
