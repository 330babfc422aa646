"""Who opened each connection, as far as the socket table shows it."""

import numpy as np
from numpy.typing import NDArray

from twtop.analysis.ephemeral_ports import EphemeralPorts
from twtop.arrays import fused
from twtop.model import PORTS, Codes, Direction, Mask, Sockets, TcpState


def directions(sockets: Sockets, ports: EphemeralPorts | None) -> NDArray[np.uint8]:
    """The Direction of each socket: (sockets,). Without a known port range (None) nothing is outbound.

    A connection is inbound if a listener owns its local port. It is outbound if connect() can have chosen its local
    port and its remote port is a service: a port below the range, one that several connections share, or one that this
    namespace listens on. Otherwise its direction is unknown:
    - The local port is outside the range. Either a listener that is gone accepted it, or a client bound it.
    - The local port is in the range, but has more connections than connect() gives to one port (ephemeral_ports).
    - The remote port is in the range or above it, and no other connection has it. Either end may be the service.
    On loopback the table has both ends, and each is judged by itself. If a listener is gone, the clients' ends share
    its port as their remote port, while each of the server's ends has a remote port of its own.
    """
    inbound = listened(sockets, sockets.local, sockets.lport)
    direction = np.where(inbound, np.uint8(Direction.INBOUND), np.uint8(Direction.UNKNOWN))
    if ports is None:
        return direction
    chosen = sockets.is_connection & ~inbound & ports.chosen[sockets.lport]
    service = np.bincount(sockets.rport[chosen], minlength=PORTS) > 1
    service[: ports.low] = True
    outbound = chosen & service[sockets.rport]
    unclear = np.flatnonzero(chosen & ~outbound)
    if len(unclear):
        outbound[unclear] = _listened_here(sockets)[unclear]
    direction[outbound] = Direction.OUTBOUND
    return direction


def _listened_here(sockets: Sockets) -> Mask:
    """Mask of the sockets whose remote end is a listener of this namespace.

    An address belongs to this namespace if it is a loopback address or the local address of some socket.
    """
    here = sockets.addresses.is_loopback.copy()
    here[sockets.local] = True
    return listened(sockets, sockets.remote, sockets.rport) & here[sockets.remote]


def listened(sockets: Sockets, address: Codes, port: NDArray[np.uint16]) -> Mask:
    """Mask of those ends (address, port) that a listener owns, by the same address or by the wildcard.

    A listener on `::` is taken to accept IPv4 too: the table does not show IPV6_V6ONLY.
    """
    listeners = np.flatnonzero(sockets.state == TcpState.LISTEN)
    own, ports = sockets.local[listeners], sockets.lport[listeners]
    wildcard, ipv4 = sockets.addresses.is_wildcard[own], sockets.addresses.is_ipv4
    any_ipv4, any_ipv6 = np.zeros(PORTS, np.bool_), np.zeros(PORTS, np.bool_)
    any_ipv4[ports[wildcard]] = True
    any_ipv6[ports[wildcard & ~ipv4[own]]] = True
    owned: Mask = np.where(ipv4[address], any_ipv4[port], any_ipv6[port])
    if wildcard.all():
        return owned
    narrow = np.zeros(PORTS, np.bool_)
    narrow[ports[~wildcard]] = True
    rows = np.flatnonzero(narrow[port])
    owned_ends = fused((own[~wildcard], 32), (ports[~wildcard], 16))
    owned[rows] |= np.isin(fused((address[rows], 32), (port[rows], 16)), owned_ends)
    return owned
