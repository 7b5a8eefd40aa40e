"""Small numbers: the lowest free one, whatever was given back before."""

from random import Random

from procession.include.linux.idr import Ida


def test_the_lowest_free_number_is_given_out():
    ida = Ida()
    assert [ida.get_new() for _ in range(4)] == [0, 1, 2, 3]
    ida.remove(2)
    ida.remove(0)
    assert len(ida) == 2
    assert [ida.get_new() for _ in range(3)] == [0, 2, 4]


def test_it_is_as_a_search_from_the_start():
    random = Random(1)
    ida, used = Ida(), set()
    for _ in range(2000):
        if used and random.random() < 0.45:
            nr = random.choice(sorted(used))
            used.remove(nr)
            ida.remove(nr)
        else:
            nr = ida.get_new()
            assert nr == min(set(range(len(used) + 1)) - used)
            used.add(nr)
        assert len(ida) == len(used)
