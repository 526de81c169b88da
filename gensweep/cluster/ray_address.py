"""Check a Ray cluster's address and Ray's temporary folder before Ray starts.

Ray itself waits for minutes at an address without a cluster.
"""

from __future__ import annotations

import contextlib
import os
import socket
from collections.abc import Mapping

from gensweep.core.errors import UserError

MAX_TEMP_PATH_BYTES = 39
"""Longest path of a temporary folder: Ray adds 68 bytes for its sockets, and 107 are the limit."""
PROBE_SECONDS = 5.0
"""Time limit for a connection, and for the first bytes."""
_CLIENT_PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes(
    [0, 0, 0, 4, 0, 0, 0, 0, 0]
)
"""The first bytes of every gRPC client (RFC 9113, section 3.4): the preface and empty settings."""
_SETTINGS_FRAME = 4
"""The type of the first frame of every gRPC server, in the frame's fourth byte."""
_MAX_PORT = 65535
_HEAD = "name HOST:PORT of the head; the port is 6379 unless it was changed"


def check_address(address: str) -> None:
    """Check that a gRPC server, such as Ray's control service, listens at HOST:PORT.

    `auto` and `local` are left to Ray.

    Raises:
        UserError: nobody listens, another kind of server does, or it is an address of Ray Client.
    """
    if address.startswith("ray://"):
        raise UserError(
            f"--address {address}: Tune does not run through Ray Client; name HOST:PORT, or auto"
        )
    if "://" in address:
        raise UserError(
            f"--address {address}: this is an address for `ray job`; {_HEAD}"
        )
    host, colon, port = address.rpartition(":")
    if not colon or not port.isdigit():
        if address in ("auto", "local"):
            return
        raise UserError(
            f"--address {address}: the port is missing; write {host or address}:6379 unless the "
            "port was changed"
        )
    if int(port) > _MAX_PORT:
        raise UserError(
            f"--address {address}: the largest port is {_MAX_PORT}; {_HEAD}"
        )
    try:
        target = (host.strip("[]"), int(port))
        with socket.create_connection(
            target, timeout=PROBE_SECONDS
        ) as connection:
            is_grpc = _speaks_grpc(connection)
    except (OSError, OverflowError) as error:
        raise UserError(
            f"--address {address}: could not connect ({error}); is the cluster up?"
        ) from error
    if not is_grpc:
        raise UserError(
            f"--address {address}: the server there is not a Ray cluster; {_HEAD} (the "
            "dashboard's port is for `ray job`)"
        )


def _speaks_grpc(connection: socket.socket) -> bool:
    if os.environ.get("RAY_USE_TLS", "0").lower() in ("1", "true"):
        # The server answers only after a handshake, which is left to Ray.
        return True
    # An OSError is silence, or a connection that is cut: no gRPC server.
    with contextlib.suppress(OSError):
        connection.sendall(_CLIENT_PREFACE)
        return connection.recv(4)[3:] == bytes([_SETTINGS_FRAME])
    return False


def check_temp_folder(environment: Mapping[str, str]) -> None:
    """Check that Ray can create its sockets in the temporary folder of the environment.

    Raises:
        UserError: it cannot; the message says why, and what to set.
    """
    name = next(
        (name for name in ("RAY_TMPDIR", "TMPDIR") if environment.get(name)),
        None,
    )
    if name is None:
        return
    folder = environment[name]
    if not os.path.isabs(folder):
        problem = "the path is relative"
    elif not folder.isascii():
        problem = "the path has characters beyond ASCII"
    elif len(folder.rstrip("/")) > MAX_TEMP_PATH_BYTES:
        problem = f"the path is longer than {MAX_TEMP_PATH_BYTES} characters"
    else:
        return
    raise UserError(
        f"{name}={folder}: Ray cannot create its sockets in this folder: {problem}; set "
        "RAY_TMPDIR to a short absolute path, such as /tmp, or train without Ray: --local"
    )
