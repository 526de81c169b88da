"""An address that is to be a Ray cluster's, looked at before Ray is: it waits for minutes where no cluster is."""

from __future__ import annotations

import contextlib
import os
import socket

from gensweep.core.errors import UserError

WAIT = 5.0
"""Seconds for a connection, and for the first bytes."""
_PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes([0, 0, 0, 4, 0, 0, 0, 0, 0])
"""How every gRPC client begins (RFC 9113, section 3.4): the preface, and empty settings."""
_SETTINGS = 4
"""The type of frame with which every gRPC server begins: the fourth byte of the frame."""
_LAST_PORT = 65535


def probe(address: str) -> None:
    """Make sure that a gRPC server, as Ray's control service is one, listens at HOST:PORT; `auto` is left to Ray.

    Raises:
        UserError: nobody listens, or something else does, or it is an address of Ray's client.
    """
    if address.startswith("ray://"):
        raise UserError(f"--address {address}: Tune does not run through Ray's client; name HOST:PORT, or auto")
    if "://" in address:
        raise UserError(
            f"--address {address}: is no Ray cluster's (`ray job` knows it); name HOST:PORT of the head, 6379"
        )
    host, colon, port = address.rpartition(":")
    if not colon or not port.isdigit():
        if address in ("auto", "local"):
            return
        raise UserError(f"--address {address}: names no port; write {host or address}:6379, if no other was given")
    if int(port) > _LAST_PORT:
        raise UserError(f"--address {address}: ports end at {_LAST_PORT}; the head's is 6379, if no other was given")
    try:
        with socket.create_connection((host.strip("[]"), int(port)), timeout=WAIT) as connection:
            known = _speaks_grpc(connection)
    except (OSError, OverflowError) as error:
        raise UserError(f"--address {address}: nobody answers there ({error}); is the cluster up?") from error
    if not known:
        hint = "name HOST:PORT of the head: 6379, if no other was given (the dashboard's is for `ray job`)"
        raise UserError(f"--address {address}: what listens there is no Ray cluster; {hint}")


def _speaks_grpc(connection: socket.socket) -> bool:
    if os.environ.get("RAY_USE_TLS", "0").lower() in ("1", "true"):
        return True  # it speaks only after a handshake, which is left to Ray
    with contextlib.suppress(OSError):  # silence, or a connection that is cut
        connection.sendall(_PREFACE)
        return connection.recv(4)[3:] == bytes([_SETTINGS])
    return False
