"""The calls of Python programs that are made from the declarations: each is the system call of its name."""

import inspect

import pytest

from procession import Machine
from procession.arch.python._calls import PlainCalls

PLAIN = [name for name, what in vars(PlainCalls).items() if inspect.isfunction(what)]


def arguments(name):
    """One argument for each parameter that needs one: a path that leads nowhere, else a number that is no good."""
    params = list(inspect.signature(getattr(PlainCalls, name)).parameters.values())[1:]
    needed = [param for param in params if param.default is param.empty and param.kind is not param.VAR_POSITIONAL]
    return ["/nowhere" if "str" in param.annotation else -1 for param in needed]


@pytest.mark.parametrize("name", PLAIN)
def test_a_call_is_the_one_of_its_name(name):
    """Made in a child, that ends for it or is ended if it sleeps; the tracepoint says which call it was."""
    async def main(sys):
        async def child(sys):
            try:
                await getattr(sys, name)(*arguments(name))
            except OSError:
                pass

        pid = await sys.clone(child, flags=sys.SIGCHLD)
        await sys.nanosleep(1_000_000)
        try:
            await sys.kill(pid, sys.SIGKILL)
        except OSError:
            pass

    made = []
    machine = Machine()
    machine.trace.subscribe(lambda event: made.append((event.common_pid, event.name)), "sys_enter")
    machine.run(main)

    # A call that nobody has implemented ends before anybody is told that it begins; the kernel has noted it.
    noted = machine.kernel.unsupported + machine.kernel.enosys
    child = max(pid for pid, _ in made)
    assert (child, name) in made or noted[name] == 1
