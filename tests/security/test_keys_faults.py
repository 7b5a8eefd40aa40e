"""Every object and copy that calls about keys ask for is refused once: what comes of that.

climb_keys.c makes one call again and again; in the n-th, the n-th request is refused.
"""

from pathlib import Path

import pytest

from procession import Machine
from procession.tools.fault_inject import FaultSpec, Injector
from procession.tools.validate import validate_all

SOURCE = Path(__file__).parents[1] / "climb_keys.c"
TIMES = 17
TYPE = DESCRIPTION = CALLOUT = ("strncpy_from_user", "EFAULT")
PAYLOAD = ("copy_from_user", "EFAULT")
CREDS, COUNT, KEY, LIST = ((cache, "ENOMEM") for cache in ("cred_jar", "key_user", "key_jar", "keyring_list"))
KEYRING = [CREDS, COUNT, KEY]  # a keyring of one's own
OWN = [*KEYRING, LIST, KEY, (None, "ok")]
HELPED = [KEY, KEY, KEY, LIST, KEY, LIST, ("subprocess_info", "ENOMEM"), (None, "ENOENT")]


def nowhere(*caches):
    """lookup_user_key() says of these places only that they are not there."""
    return [(cache, "ENOKEY") for cache in caches]


USERS = nowhere("key_user", "key_jar", "key_jar", "keyring_list")  # both keyrings of a user, one in the other


@pytest.mark.parametrize(("call", "kind", "expected"), [
    ("add_key", "thread", [TYPE, DESCRIPTION, PAYLOAD, *OWN]),
    ("add_key", "process", [TYPE, DESCRIPTION, PAYLOAD, *OWN]),
    ("add_key", "session", [TYPE, DESCRIPTION, *USERS, *nowhere("cred_jar", "key_jar"), LIST, KEY, (None, "ok")]),
    ("add_key", "user", [TYPE, DESCRIPTION, PAYLOAD, *USERS, LIST, KEY, (None, "ok")]),
    ("keyctl", "join", [*KEYRING, (None, "ok")]),
    ("keyctl", "named", [DESCRIPTION, *KEYRING, (None, "ok")]),
    ("keyctl", "choose", [*KEYRING, (None, "ok")]),
    ("keyctl", "link", [LIST, (None, "ok")]),
    ("keyctl", "update", [PAYLOAD, (None, "ok")]),
    ("request_key", "found", [TYPE, DESCRIPTION, CREDS, KEY, LIST, (None, "ok")]),
    # Without a helper it is ENOENT.
    ("request_key", "asked", [TYPE, DESCRIPTION, CALLOUT, *KEYRING, KEY, LIST, *HELPED]),
    ("request_key", "missing", [TYPE, DESCRIPTION, CALLOUT, COUNT, KEY, *HELPED]),
])
def test_what_is_refused(compilers, call, kind, expected):
    """Nothing is left of a call that fails, no key and nothing of a quota, and it says what 3.2's says."""
    compilers.need("musl")
    headers = [SOURCE.parent / "programs" / name for name in ("check.h", "keys.h")]
    command = [*compilers.commands["musl"], f"-I{headers[0].parent}", str(SOURCE)]
    path = str(compilers.cache.build("climb_keys", command, [SOURCE, *headers], compilers.versions["musl"]))
    machine = Machine(root={"/climb_keys": Path(path).read_bytes()})
    injector = Injector(machine, FaultSpec(call, 0, climb=True))
    result = machine.run(["/climb_keys", kind, str(TIMES)])
    assert (result.exit_code, result.stderr) == (0, b"")
    machine.kernel.check_baseline()
    assert validate_all(machine.kernel) == []
    lines, refused = result.output.splitlines(), [hit.what for hit in injector.hits]
    assert list(zip([*refused, None], lines, strict=False)) == expected
    assert set(lines[len(refused):]) == {expected[-1][1]}
