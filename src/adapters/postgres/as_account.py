"""Becomes another program under another account: `python as_account.py UID GID PROGRAM ARGUMENT…`.

A step of its own because Python can give a child another account only by forking the whole process,
and one in which gRPC runs does not survive that: its handlers of forks run in the child.
"""

import os
import sys


def become(uid: int, gid: int, command: list[str]) -> None:
    """Give up every right but those of the account, for good, and run the program."""
    os.setgroups([])
    os.setgid(gid)
    os.setuid(uid)
    os.execv(command[0], command)  # noqa: S606 - our own programs and arguments, without a shell


if __name__ == "__main__":
    become(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3:])
