"""A child process that administers accounts: issues keys beside others, or dies between a secret and its event."""

import argparse
import os
import signal

import anyio

from mezan.api.accounts import desk
from mezan.api.accounts.open import open_accounts
from mezan.engine import faults


def die():
    os.kill(os.getpid(), signal.SIGKILL)


def shown(new):
    """Say every text that is made: a caller would never see that of a key whose process dies."""

    def made(prefix=None):
        key = new(prefix)
        os.write(1, f"text {key.text}\n".encode())
        return key

    return made


async def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("url")
    parser.add_argument("--keys", type=int, default=0)
    parser.add_argument("--die-at")
    parser.add_argument("--rotate")
    asked = parser.parse_args()
    desk.new_key = shown(desk.new_key)
    async with open_accounts(asked.url) as accounts:
        for i in range(asked.keys):
            await accounts.issue_key(f"child {i}", role="viewer")
        if asked.die_at:
            with faults.armed(asked.die_at, die):
                if asked.rotate:
                    await accounts.rotate_key(asked.rotate)
                else:
                    await accounts.issue_key("never", role="admin")


anyio.run(main)
