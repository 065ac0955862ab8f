"""Whether a part of the instance does its work: a real request, rightly answered. Standard library only, as its caller."""

import http.client
import json
import socket
from typing import Any
from urllib.parse import urlsplit

Plan = dict[str, Any]


def probe(how: Plan) -> bool:
    """True when the part does its work: a real request answered rightly, not merely an open port."""
    try:
        if how["kind"] == "redis":
            return _probe_redis(how)
        if how["kind"] == "http":
            return _probe_http(how)
        return _probe_socket(how)
    except (OSError, http.client.HTTPException, ValueError, KeyError):
        return False


def _probe_redis(how: Plan) -> bool:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(how.get("timeout_s", 2))
        connection.connect(how["socket"])
        connection.sendall(f"AUTH {how['password']}\r\nSET hotline:probe 1\r\nGET hotline:probe\r\n".encode())
        answer = b""
        while answer.count(b"\r\n") < 4:
            piece = connection.recv(256)
            if not piece:
                return False
            answer += piece
    return answer == b"+OK\r\n+OK\r\n$1\r\n1\r\n"


def _probe_http(how: Plan) -> bool:
    address = urlsplit(how["url"])
    connection = http.client.HTTPConnection(address.hostname or "", address.port, timeout=how.get("timeout_s", 3))
    try:
        path = address.path + (f"?{address.query}" if address.query else "")
        body = json.dumps(how["body"]).encode() if "body" in how else None
        headers = {"Content-Type": "application/json", **how.get("headers", {})}
        connection.request(how.get("method", "GET"), path, body=body, headers=headers)
        response = connection.getresponse()
        answer = json.loads(response.read(1_000_000))
    finally:
        connection.close()
    for key in how.get("wants", []):
        if not answer.get(key):
            return False
    return response.status == 200


def _probe_socket(how: Plan) -> bool:
    """One line asked over a Unix socket, one JSON line answered; ``wants`` names the keys that must be true."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(how.get("timeout_s", 3))
        connection.connect(how["socket"])
        connection.sendall(how["ask"].encode() + b"\n")
        answer = b""
        while not answer.endswith(b"\n") and (piece := connection.recv(4096)):
            answer += piece
    told = json.loads(answer)
    return all(told.get(key) for key in how["wants"])
