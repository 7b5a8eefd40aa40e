"""POSIX message queues as calls name them (include/linux/mqueue.h)."""

from __future__ import annotations

from typing import Annotated, Final

from procession.include.linux.types import Arg, UserPtr

MQ_PRIO_MAX: Final = 32768
MQ_ATTR_SIZE: Final = 64  # Ours: sizeof(struct mq_attr)

# Which message SIGEV_THREAD's cookie is: its last byte.
NOTIFY_NONE: Final = 0
NOTIFY_WOKENUP: Final = 1
NOTIFY_REMOVED: Final = 2
NOTIFY_COOKIE_LEN: Final = 32

# What a queue is made with: its flags are not looked at.
MqAttrNew = Annotated[UserPtr, Arg("mq_attr_new")]
MqAttrIn = Annotated[UserPtr, Arg("struct mq_attr")]
MqAttrOut = Annotated[UserPtr, Arg("struct mq_attr", out=True)]
# Read before anything else is: it can be printed whatever becomes of the call.
MqSigevent = Annotated[UserPtr, Arg("mq_sigevent")]
MqPrioOut = Annotated[UserPtr, Arg("unsigned *", out=True)]
