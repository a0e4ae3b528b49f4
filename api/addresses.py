"""Who an address belongs to: what refusals and requests are counted by."""

from functools import lru_cache
from ipaddress import IPv6Address, ip_address
from typing import Final

HOST_BITS: Final = 64


@lru_cache(4_096)
def network(address: str) -> str:
    """What of an address is counted: of IPv6 the first 64 bits, for one host has all the others.

    An IPv4 address in an IPv6 one is the IPv4 address. What is no address (a Unix socket has none) counts as one.
    """
    try:
        found = ip_address(address.partition("%")[0])
    except ValueError:
        return "nowhere"
    if isinstance(found, IPv6Address):
        if found.ipv4_mapped is not None:
            return str(found.ipv4_mapped)
        return f"{IPv6Address(int(found) >> HOST_BITS << HOST_BITS)}/64"
    return str(found)
