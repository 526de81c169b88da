"""An address that is to be a Ray cluster's, looked at before Ray is: it waits for minutes where no cluster is."""

from __future__ import annotations

import contextlib
import os
import socket
from collections.abc import Mapping

from gensweep.core.errors import UserError

MAX_TEMP_PATH_BYTES = 39
"""Bytes of a temporary folder's path: Ray puts sockets 68 bytes further down, and their paths have 107 at most."""
PROBE_SECONDS = 5.0
"""Seconds for a connection, and for the first bytes."""
_PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes([0, 0, 0, 4, 0, 0, 0, 0, 0])
"""How every gRPC client begins (RFC 9113, section 3.4): the preface, and empty settings."""
_SETTINGS = 4
"""The type of frame with which every gRPC server begins: the fourth byte of the frame."""
_LAST_PORT = 65535


def check_address(address: str) -> None:
    """Make sure that a gRPC server, as Ray's control service is one, listens at HOST:PORT; `auto` is left to Ray.

    Raises:
        UserError: nobody listens, or something else does, or it is an address of Ray's client.
    """
    if address.startswith("ray://"):
        raise UserError(
            f"--address {address}: Tune does not run through Ray's client; name HOST:PORT, or auto"
        )
    if "://" in address:
        raise UserError(
            f"--address {address}: is no Ray cluster's (`ray job` knows it); name HOST:PORT of the head, 6379"
        )
    host, colon, port = address.rpartition(":")
    if not colon or not port.isdigit():
        if address in ("auto", "local"):
            return
        raise UserError(
            f"--address {address}: names no port; write {host or address}:6379, if no other was given"
        )
    if int(port) > _LAST_PORT:
        raise UserError(
            f"--address {address}: ports end at {_LAST_PORT}; the head's is 6379, if no other was given"
        )
    try:
        with socket.create_connection(
            (host.strip("[]"), int(port)), timeout=PROBE_SECONDS
        ) as connection:
            known = _speaks_grpc(connection)
    except (OSError, OverflowError) as error:
        raise UserError(
            f"--address {address}: nobody answers there ({error}); is the cluster up?"
        ) from error
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


def check_temp_folder(environment: Mapping[str, str]) -> None:
    """Make sure that Ray can have its sockets in the temporary folder that the environment names.

    Raises:
        UserError: it cannot; says why, and what to set.
    """
    name = next((name for name in ("RAY_TMPDIR", "TMPDIR") if environment.get(name)), None)
    if name is None:
        return
    folder, why = environment[name], ""
    if not os.path.isabs(folder):
        why = "it is relative"
    elif not folder.isascii():
        why = "it has letters beyond ASCII"
    elif len(folder.rstrip("/")) > MAX_TEMP_PATH_BYTES:
        why = f"it is longer than {MAX_TEMP_PATH_BYTES} letters"
    if why:
        hint = (
            "set RAY_TMPDIR to a short absolute path, such as /tmp, or train without Ray: --local"
        )
        raise UserError(
            f"{name}={folder}: Ray cannot have its sockets in this folder: {why}; {hint}"
        )
