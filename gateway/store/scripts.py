"""The Lua scripts beside this module, with the digests under which the server knows them."""

from dataclasses import dataclass
from hashlib import sha1
from importlib.resources import files


@dataclass(frozen=True, slots=True)
class Script:
    """One script. `digest` is what EVALSHA wants."""

    source: str
    digest: str


def _read(name: str) -> Script:
    source = files(__package__).joinpath(f"{name}.lua").read_text("utf-8")
    # SHA-1 names the script, as the protocol has it; it protects nothing
    return Script(source, sha1(source.encode(), usedforsecurity=False).hexdigest())


COMMIT = _read("commit")
CONNECT = _read("connect")
ABANDON = _read("abandon")
DISCONNECT = _read("disconnect")
SETTLE = _read("settle")
REFUSE = _read("refuse")
REMOTE_START_PUT = _read("remote_start_put")
REMOTE_START_LIST = _read("remote_start_list")
TOKEN_PUT = _read("token_put")
TOKEN_DELETE = _read("token_delete")
NODE_FORGET = _read("node_forget")
LEASE_RENEW = _read("lease_renew")
LEASE_RELEASE = _read("lease_release")
LEASE_TAKE = _read("lease_take")
RECORD_REPLACE = _read("record_replace")
