"""Starts one program that must not outlive its parent: `python launch.py PARENT SIGNAL IDENTITY PROGRAM [ARGUMENT...]`.

Run as a file of its own, with nothing but the standard library, between fork and exec of the embedded servers and of
`marketplace up`'s own processes: the kernel then sends SIGNAL to the program when PARENT dies, however it dies.
IDENTITY is `same`; `mapped` (in a user namespace of its own, in which root appears as the unprivileged `nobody`:
PostgreSQL refuses to be root, and there it still reaches everything root may reach); or `UID:GID`.
"""

import ctypes
import os
import sys
from pathlib import Path

NOBODY = 65534
PR_SET_PDEATHSIG = 1
CLONE_NEWUSER = 0x10000000
NOT_PERMITTED = 77


def become_mapped() -> None:
    """Enter a user namespace in which our own user appears as nobody; raises OSError where that is not allowed."""
    user, group = os.getuid(), os.getgid()
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(CLONE_NEWUSER) != 0:
        raise OSError(ctypes.get_errno(), "user namespaces are not available here")
    Path("/proc/self/setgroups").write_text("deny")
    Path("/proc/self/uid_map").write_text(f"{NOBODY} {user} 1")
    Path("/proc/self/gid_map").write_text(f"{NOBODY} {group} 1")


def become(identity: str) -> None:
    """Take on the identity named."""
    if identity == "same":
        return
    if identity == "mapped":
        become_mapped()
        return
    user, _, group = identity.partition(":")
    os.setgroups([])
    os.setgid(int(group))
    os.setuid(int(user))


def main(arguments: list[str]) -> None:
    """Never returns: becomes the program, or exits with `NOT_PERMITTED` when the identity cannot be had."""
    parent, death_signal, identity, *program = arguments
    try:
        become(identity)
    except OSError as error:
        sys.stderr.write(f"{error}\n")
        sys.exit(NOT_PERMITTED)
    if sys.platform == "linux":
        # After the change of identity, which clears it.
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, int(death_signal), 0, 0, 0)
    if os.getppid() != int(parent) and identity != "mapped":
        sys.exit(1)
    os.execv(program[0], program)  # noqa: S606 - becoming the program is what this is for


if __name__ == "__main__":
    main(sys.argv[1:])
