"""Road networks and atomic routing games on them: Sioux Falls, Braess's network, shortest paths by another route."""

import itertools

import numpy as np
import pytest

import fastmpg as fm
from fastmpg.games._roads import network
from fastmpg.games.sioux_falls import roads

FOUR = ((10, 20),) * 4


def chosen(profile, count=5):
    """The policy of a profile of pure choices."""
    return fm.join([np.eye(count)[[a]] for a in profile])


def test_sioux_falls_is_the_file():
    """24 nodes, 76 links; capacities as others state them for the file: least, mean and largest."""
    net = roads()
    assert (net.num_nodes, net.num_zones, net.first_through, net.tail.size) == (24, 24, 1, 76)
    found = [net.capacity.min(), net.capacity.mean(), net.capacity.max()]
    np.testing.assert_allclose(found, [4823.950831, 10247.206327210526, 25900.20064], rtol=1e-15)
    links = list(zip(net.tail.tolist(), net.head.tolist()))
    assert not any(each.flags.writeable for each in net[3:9])
    assert links == sorted(links) and {(b, a) for a, b in links} == set(links)
    assert links[:4] == [(1, 2), (1, 3), (2, 1), (2, 6)] and net.free_flow[:4].tolist() == [6, 4, 6, 5]


def test_the_published_equilibrium_and_potential():
    """Pure equilibrium (3, 1, 0, 3) of four players with five paths each, potential -50.70545500007."""
    game, phi = fm.games.sioux_falls(), roads().potential(FOUR, load=3000.0)
    assert fm.ne_gap(game, chosen((3, 1, 0, 3))).max() == 0.0
    assert f"{phi[3, 1, 0, 3]:.11f}" == "-50.70545500007"
    assert phi.max() == pytest.approx(phi[3, 1, 0, 3], abs=1e-12)
    profiles = [tuple(int(a.argmax()) for a in fm.split(game, policy)) for policy in
                fm.solvers.pure_equilibria(game).policy]
    assert set(profiles) == set(itertools.permutations((3, 1, 0, 3)))


def test_the_potential_is_found_from_the_payoffs():
    game, phi = fm.games.sioux_falls(), roads().potential(FOUR, load=3000.0)
    found = fm.potential.of(game)
    assert found.exact.all()
    np.testing.assert_allclose(found.table[0], phi - phi.mean(), atol=1e-12)
    for i in range(4):  # the definition itself
        np.testing.assert_allclose(np.diff(game.payoffs[i], axis=i), np.diff(phi, axis=i), atol=1e-12)
    heavier = fm.games.sioux_falls(load=[1000.0, 3000.0, 5000.0, 7000.0])
    assert not fm.potential.of(heavier).exact.all()


def naive_paths(net, origin, goal):
    """Every path without a node twice, by time, number of links and links."""
    found = []

    def walk(node, links, seen):
        if node == goal:
            found.append((float(sum(net.free_flow[list(links)])), len(links), links))
            return
        if node < net.first_through and node != origin:
            return
        for link in np.flatnonzero(net.tail == node).tolist():
            if int(net.head[link]) not in seen:
                walk(int(net.head[link]), (*links, link), seen | {int(net.head[link])})

    walk(origin, (), {origin})
    return [links for *_, links in sorted(found)]


def test_shortest_paths_are_the_shortest(rng):
    for trial in range(30):
        nodes, count = int(rng.integers(3, 8)), int(rng.integers(4, 25))
        ends = [rng.choice(nodes, 2, replace=False) + 1 for _ in range(count)]  # links in parallel too
        rows = [(*pair, 1.0, rng.integers(0, 4), 0.15, 4.0) for pair in ends]
        net = network(nodes, nodes, int(rng.integers(1, 4)), rows, f"random {trial}")
        every = naive_paths(net, 1, nodes)
        if not every:
            with pytest.raises(ValueError, match="no path leads"):
                net.shortest_paths(1, nodes)
            continue
        for k in (1, 3, 1000):
            assert net.shortest_paths(1, nodes, k) == every[:k]


def test_payoffs_player_by_player(rng):
    pairs, weights = [(1, 20), (13, 7), (2, 24)], np.array([1000.0, 4000.0, 2500.0])
    net, game = roads(), roads().game([(1, 20), (13, 7), (2, 24)], 3, load=[1000.0, 4000.0, 2500.0])
    paths = [sorted(net.shortest_paths(*pair, 3), key=lambda each: net.head[list(each)].tolist()) for pair in pairs]
    for at in np.ndindex(3, 3, 3):
        load = np.zeros(76)
        for i, a in enumerate(at):
            load[list(paths[i][a])] += weights[i]
        time = net.times(load)
        expected = [-time[list(paths[i][a])].sum() for i, a in enumerate(at)]
        np.testing.assert_allclose(game.payoffs[(slice(None), *at)], expected, rtol=1e-13)


BRAESS = """<NUMBER OF ZONES> 2
<NUMBER OF NODES> 4
<FIRST THRU NODE> 3
<NUMBER OF LINKS> 5
<END OF METADATA>

~ \tInit node \tTerm node \tCapacity \tLength \tFree Flow Time \tB\tPower\tSpeed limit \tToll \tType\t;
\t1\t3\t1\t100\t0.00000001\t1000000000\t1\t0\t0\t1\t;
\t1\t4\t1\t100\t50\t0.02\t1\t0\t0\t1\t;
\t3\t2\t1\t100\t50\t0.02\t1\t0\t0\t1\t;
\t3\t4\t1\t100\t10\t0.1\t1\t0\t0\t1\t;
\t4\t2\t1\t100\t0.00000001\t1000000000\t1\t0\t0\t1\t;
"""
TRIPS = """<NUMBER OF ZONES> 2
<TOTAL OD FLOW> 6.0
<END OF METADATA>

Origin 1
    1 :      0.0;     2 :      6.0;
Origin \t2
"""


def test_braess_paradox(tmp_path):
    """Braess (1968): six drivers need 92 with the road in the middle, two on each path, and 83 without, three each."""
    path = tmp_path / "Braess_net.tntp"
    path.write_text(BRAESS)
    game = fm.io.read_tntp(path, pairs=[(1, 2)] * 6, paths=3)
    even = chosen((0, 0, 1, 1, 2, 2), 3)
    assert fm.ne_gap(game, even).max() <= 1e-12
    np.testing.assert_allclose(game.payoffs[:, 0, 0, 1, 1, 2, 2], -92.0, rtol=1e-9)
    middle = "\t3\t4\t1\t100\t10\t0.1\t1\t0\t0\t1\t;\n"
    path.write_text(BRAESS.replace(middle, "").replace("LINKS> 5", "LINKS> 4"))
    without = fm.io.read_tntp(path, pairs=[(1, 2)] * 6, paths=3)
    assert without.num_actions == (2,) * 6 and fm.ne_gap(without, chosen((0, 0, 0, 1, 1, 1), 2)).max() == 0.0
    np.testing.assert_allclose(without.payoffs[:, 0, 0, 0, 1, 1, 1], -83.0, rtol=1e-9)


def test_files_there_and_back(tmp_path):
    net, path = roads(), tmp_path / "Sioux Falls_net.tntp"
    fm.io.write_tntp_network(net, path)
    assert fm.io.read_tntp_network(path) == net
    assert fm.io.read(path, pairs=FOUR, load=3000.0) == fm.games.sioux_falls()
    (tmp_path / "Braess_net.tntp").write_text(BRAESS)
    (tmp_path / "Braess_trips.tntp").write_text(TRIPS.replace("1 :      0.0", "1 : 9.0"))
    assert fm.io.read_tntp_trips(tmp_path / "Braess_trips.tntp")[0, 0] == 9.0
    assert fm.io.read(tmp_path / "Braess_net.tntp", players=1).num_actions == (3,)  # not those who stay
    (tmp_path / "Braess_trips.tntp").write_text(TRIPS)
    np.testing.assert_array_equal(fm.io.read_tntp_trips(tmp_path / "Braess_trips.tntp"), [[0, 6], [0, 0]])
    again = fm.io.read_tntp_network(tmp_path / "Braess_net.tntp")
    assert again.game([(1, 2)], 3).names.actions == (("1-3-2", "1-3-4-2", "1-4-2"),)
    twice = network(2, 2, 1, [(1, 2, 1, 1, 0, 1)] * 2, "twice").game([(1, 2)], 3)
    assert twice.names.actions == (("1-2 by 0", "1-2 by 1"),)
    alone = fm.io.read(tmp_path / "Braess_net.tntp", players=1)  # six vehicles are one player
    assert alone == fm.io.read_tntp_network(tmp_path / "Braess_net.tntp").game([(1, 2)], load=6.0)
    with pytest.raises(ValueError, match="players must be at most the number of pairs with trips, 1, found 2"):
        fm.io.read(tmp_path / "Braess_net.tntp", players=2)
    (tmp_path / "other.tntp").write_text(BRAESS)
    with pytest.raises(ValueError, match="pairs or trips"):
        fm.io.read(tmp_path / "other.tntp")


@pytest.mark.parametrize(("before", "after", "said"), [
    ("LINKS> 5", "LINKS> 6", "6 links"), ("LINKS> 5", "LINKS> 4", "line 12: expected 4 links"),
    ("NODES> 4", "NODES> 3", "line 9: expected a node from 1 to 3"), ("LINKS> 5", "LINKS> five", "line 4"),
    ("\t50\t0.02\t1\t0\t0\t1\t;\n\t3\t2", "\tx\t0.02\t1\t;\n\t3\t2", "line 9: expected a free-flow time"),
    ("<END OF METADATA>", "", "METADATA"), ("ZONES> 2", "ZONES> 9", "line 1: expected at most 4 zones"),
    ("\t4\t2\t1\t", "\t4\t2\t0\t", "line 12: expected a capacity above 0"), ("1\t;\n\t4", "1\n\t4", "line 12"),
    ("<NUMBER OF NODES> 4", "", "NUMBER OF NODES")])
def test_networks_that_are_wrong(tmp_path, before, after, said):
    assert before in BRAESS
    (tmp_path / "x_net.tntp").write_text(BRAESS.replace(before, after))
    with pytest.raises(ValueError, match=said) as found:
        fm.io.read_tntp_network(tmp_path / "x_net.tntp")
    assert "x_net.tntp" in str(found.value)


@pytest.mark.parametrize(("before", "after", "said"), [
    ("2 :      6.0", "3 :      6.0", "line 6: expected Origin, or a destination"), ("Origin 1", "", "expected Origin"),
    ("6.0;", "-6.0;", "line 6: expected a number of trips"), (" 0.0;", " 0.0", "line 6: expected ';'"),
    ("2 :   ", "2    ", "line 6: expected ':'")])
def test_trips_that_are_wrong(tmp_path, before, after, said):
    assert before in TRIPS
    (tmp_path / "x_trips.tntp").write_text(TRIPS.replace(before, after))
    with pytest.raises(ValueError, match=said):
        fm.io.read_tntp_trips(tmp_path / "x_trips.tntp")


@pytest.mark.parametrize(("given", "said"), [
    ({"pairs": [(1, 1)]}, r"pairs\[0\]: origin and destination must be different"), ({"pairs": []}, "pairs must name"),
    ({"pairs": [(1, 25)]}, r"pairs\[0\]: destination"), ({"load": -1}, "load must be"), ({"paths": 0}, "paths"),
    ({"load": [1, 2]}, "load must be"), ({"pairs": [(1, 2, 3)]}, r"pairs\[0\] must be")])
def test_questions_that_are_wrong(given, said):
    with pytest.raises(ValueError, match=said):
        fm.games.sioux_falls(**given)
    with pytest.raises(MemoryError, match="players"):
        fm.games.sioux_falls([(1, 20)] * 40)
