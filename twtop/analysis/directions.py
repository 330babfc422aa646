"""Who opened each connection, as far as the socket table tells; where it does not, unknown."""

import numpy as np
from numpy.typing import NDArray

from twtop.analysis.ephemeral_ports import EphemeralPorts
from twtop.arrays import fused
from twtop.model import PORTS, Codes, Direction, Mask, Sockets, TcpState


def directions(sockets: Sockets, space: EphemeralPorts | None) -> NDArray[np.uint8]:
    """Direction of each socket.

    Inbound when a listener owns its local port. Outbound when connect() can have chosen that port and the remote one
    is a service: below the range, shared by several connections, or listened on in this very namespace. Else unknown:
    - the local port is outside the range: accepted by a listener that is gone, or bound by a client;
    - it is in the range but carries more connections than connect() gives to one (see port_space);
    - the remote port may be a client's as well, as far as ports of this range or above are, and no other connection
      has it: then either end may be the service. On loopback both ends are in the table and are judged alike: of a
      listener that is gone, the clients' ends share the remote port, while its own have another one each.
    """
    inbound = listened(sockets, sockets.local, sockets.lport)
    direction = np.where(inbound, np.uint8(Direction.INBOUND), np.uint8(Direction.UNKNOWN))
    if space is None:
        return direction
    chosen = sockets.is_connection & ~inbound & space.chosen[sockets.lport]
    service = np.bincount(sockets.rport[chosen], minlength=PORTS) > 1
    service[: space.low] = True
    outbound = chosen & service[sockets.rport]
    unclear = np.flatnonzero(chosen & ~outbound)
    if len(unclear):
        outbound[unclear] = _listened_here(sockets)[unclear]
    direction[outbound] = Direction.OUTBOUND
    return direction


def _listened_here(sockets: Sockets) -> Mask:
    """Sockets whose remote end is a listener of this namespace; its addresses are those that sockets here have."""
    here = sockets.addresses.is_loopback.copy()
    here[sockets.local] = True
    return listened(sockets, sockets.remote, sockets.rport) & here[sockets.remote]


def listened(sockets: Sockets, address: Codes, port: NDArray[np.uint16]) -> Mask:
    """Which of these ends a listener owns, by its own address or by any; `::` takes IPv4 too (unless IPV6_V6ONLY)."""
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
    wanted = fused((own[~wildcard], 32), (ports[~wildcard], 16))
    owned[rows] |= np.isin(fused((address[rows], 32), (port[rows], 16)), wanted)
    return owned
