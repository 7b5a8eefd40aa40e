"""sched_yield: everybody else who can run has a turn first."""

from procession import Machine


def turns(niceness):
    """Return who ran, in order, when one task for each nice value yields six times."""
    order = []
    ready = []

    async def worker(sys, number, nice):
        await sys.setpriority(0, 0, nice)
        ready.append(number)
        while len(ready) < len(niceness):
            await sys.sched_yield()
        for _ in range(6):
            order.append(number)
            await sys.sched_yield()

    async def main(sys):
        for number, nice in enumerate(niceness):
            await sys.clone(worker, number, nice)
        for _ in niceness:
            await sys.waitpid(-1)

    kernel = Machine()
    assert kernel.run(main).status == 0
    kernel.check_baseline()
    return order


def test_yielding_tasks_take_turns():
    """Between two turns of one task each of the others has one."""
    order = turns([0, 0, 0, 0])
    for at in range(0, len(order), 4):
        assert sorted(order[at:at + 4]) == [0, 1, 2, 3]


def test_a_nice_task_has_its_turn_too():
    """A task of low priority is not kept waiting by two that yield to each other."""
    order = turns([-10, -10, 19])
    assert order.index(2) < 6
