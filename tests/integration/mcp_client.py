"""Clients of `jobward mcp` for the tests, over pipes and over HTTP, in both versions of the protocol.

Whatever the server writes is checked as it comes in: one JSON-RPC 2.0 object a line, nothing else on stdout.
"""

import contextlib
import http.client
import json
import subprocess
import threading
import time

import harness

HANDSHAKE = "2025-11-25"
STATELESS = "2026-07-28"
META = "io.modelcontextprotocol/"
TASKS = META + "tasks"
RELATED = META + "related-task"
TOKEN = "0123456789abcdef"
SHORT = 2048  # an answer in ordinary use is smaller than this

PARSE_ERROR, INVALID_REQUEST, NO_METHOD, INVALID_PARAMS = -32700, -32600, -32601, -32602
NO_CAPABILITY, NO_VERSION, HEADER_MISMATCH = -32021, -32022, -32020

HELLO = {"protocolVersion": HANDSHAKE, "capabilities": {}, "clientInfo": {"name": "tests", "version": "1"}}


def envelope(version=STATELESS, tasks=False):
    """What every stateless request carries in params._meta."""
    return {META + "protocolVersion": version, META + "clientInfo": {"name": "tests", "version": "1"},
            META + "clientCapabilities": {"extensions": {TASKS: {}}} if tasks else {}}


def compact(value):
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


KINDS = {"object": dict, "array": list, "string": str, "boolean": bool, "null": type(None)}


def is_of_kind(value, kind):
    if kind == "integer":
        return isinstance(value, int) and not isinstance(value, bool)
    return harness.is_number(value) if kind == "number" else isinstance(value, KINDS[kind])


def problems_inside(schema, value, where):
    if isinstance(value, list) and isinstance(schema.get("items"), dict):
        return [found for number, inner in enumerate(value)
                for found in schema_problems(schema["items"], inner, f"{where}[{number}]")]
    if not isinstance(value, dict):
        return []
    properties, rest = schema.get("properties", {}), schema.get("additionalProperties", True)
    found = [f"{where}: {key} is missing" for key in schema.get("required", []) if key not in value]
    for key, inner in value.items():
        if key in properties or isinstance(rest, dict):
            found += schema_problems(properties.get(key, rest), inner, f"{where}.{key}")
        elif rest is False:
            found.append(f"{where}: {key} is not in the schema")
    return found


def schema_problems(schema, value, where="$"):
    """What of the schema does not hold; knows the part of JSON Schema that a tool's answer needs."""
    if schema is True or schema == {}:
        return []
    assert not {"$ref", "anyOf", "oneOf", "allOf"} & set(schema), f"the tests cannot check {schema}"
    kinds = schema.get("type", [])
    kinds = [kinds] if isinstance(kinds, str) else kinds
    if kinds and not any(is_of_kind(value, kind) for kind in kinds):
        return [f"{where}: {value!r} is no {kinds}"]
    if "enum" in schema and value not in schema["enum"]:
        return [f"{where}: {value!r} is none of {schema['enum']}"]
    return problems_inside(schema, value, where)


class Message(dict):
    at = 0.0  # when its line was read


def check_shape(message):
    assert message.get("jsonrpc") == "2.0", f"not JSON-RPC 2.0: {message}"
    keys = set(message) - {"jsonrpc"}
    if "method" in message:
        assert "id" not in message and keys <= {"method", "params"}, f"servers send notifications only: {message}"
    elif "error" in message:
        assert keys <= {"id", "error"} and message.get("id", 0) is not None, f"not an error: {message}"
        assert set(message["error"]) <= {"code", "message", "data"} and message["error"]["message"], message
    else:
        assert keys == {"id", "result"} and isinstance(message["result"], dict), f"not a result: {message}"


def checked_result(result, schema=None, largest=SHORT):
    """The structured content of a tool's result, which must be the same as its text."""
    text = result["content"][0]["text"]
    assert result.get("isError", False) is False, f"isError: {text}"
    structured = result["structuredContent"]
    assert json.loads(text) == structured, f"text and structuredContent differ: {text} {structured}"
    size = len(compact(structured).encode())
    assert largest is None or size < largest, f"an answer of {size} bytes: {text}"
    if schema:
        assert not (found := schema_problems(schema, structured)), f"{found} in {text}"
    return structured


def peak_memory(pid):
    """The most resident memory that a process has had, in bytes."""
    for line in harness.proc_bytes(pid, "status").decode().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    raise AssertionError("the server is gone")


class Caller:
    """Asks a server; `exchange` is up to the transport. Ids begin at 0, as those of real clients do."""

    def __init__(self, era):
        self.era = era
        self.largest = SHORT
        self.schemas = None
        self.next_id = 0

    def story(self):
        return ""

    def request(self, method, params=None, token=None, tasks=False):
        """The next request, to be sent; in the stateless version with what it needs in _meta."""
        params = dict(params or {})
        if "_meta" not in params:
            meta = envelope(tasks=tasks) if self.era == STATELESS else {}
            meta.update({} if token is None else {"progressToken": token})
            params.update({"_meta": meta} if meta else {})
        number, self.next_id = self.next_id, self.next_id + 1
        message = {"jsonrpc": "2.0", "id": number, "method": method}
        return {**message, "params": params} if params else message

    def result_of(self, message):
        assert "result" in message, f"an error: {message}{self.story()}"
        assert self.era == HANDSHAKE or "resultType" in message["result"], f"no resultType: {message}"
        return message["result"]

    def ask(self, method, params=None, timeout=15.0, **options):
        return self.result_of(self.exchange(self.request(method, params, **options), timeout))

    def refused(self, method, params=None, **options):
        """The error that the request is answered with."""
        message = self.exchange(self.request(method, params, **options), 15.0)
        assert "error" in message, f"no error: {message}{self.story()}"
        return message["error"]

    def structured(self, tool, result):
        if self.schemas is None:
            self.schemas = {one["name"]: one["outputSchema"] for one in self.ask("tools/list")["tools"]}
        return checked_result(result, self.schemas[tool], self.largest)

    def tool(self, tool, /, **arguments):
        """Calls a tool that must succeed; its structured content, checked against the tool's schema."""
        return self.structured(tool, self.ask("tools/call", {"name": tool, "arguments": arguments}, timeout=60))

    def tool_error(self, tool, arguments):
        """The text of a result that says isError."""
        result = self.ask("tools/call", {"name": tool, "arguments": arguments}, timeout=30)
        assert result.get("isError") is True, f"{tool} {compact(arguments)[:300]} passed: {result}"
        return result["content"][0]["text"]

    def assert_alive(self):
        result = self.ask("ping" if self.era == HANDSHAKE else "server/discover")
        assert self.era != HANDSHAKE or result == {}, result


class Client(Caller):
    """One server process on pipes."""

    def __init__(self, process, era=HANDSHAKE):
        super().__init__(era)
        self.process = process
        self.messages = []
        self.transcript = []
        self.problem = None
        self.ended = False
        self.changed = threading.Condition()
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()

    def _read(self):
        for line in self.process.stdout:
            self._take(line, time.monotonic())
        with self.changed:
            self.ended = True
            self.changed.notify_all()

    def _take(self, line, at):
        with self.changed:
            self._note("<-", line)
            try:
                assert line.endswith(b"\n"), f"no end of line: {line[:300]!r}"
                message = Message(harness.strict_json(line))
                message.at = at
                check_shape(message)
                self.messages.append(message)
            except (AssertionError, ValueError, KeyError, TypeError) as error:
                self.problem = self.problem or f"a bad line: {line[:500]!r}: {error!r}"
            self.changed.notify_all()

    def _note(self, arrow, line):
        self.transcript.append(f"{arrow} {line[:700].decode(errors='replace').strip()}")

    def story(self):
        return "\n" + "\n".join(self.transcript[-8:])

    def wait(self, wanted, what, timeout=15.0):
        """The first message, come or to come, for which wanted(message) is true."""
        deadline = time.monotonic() + timeout
        with self.changed:
            while True:
                assert self.problem is None, self.problem
                if found := next((message for message in self.messages if wanted(message)), None):
                    return found
                left = deadline - time.monotonic()
                assert not self.ended, f"the server ended before: {what}{self.story()}"
                assert left > 0, f"waited {timeout} s in vain for {what}{self.story()}"
                self.changed.wait(left)

    def response(self, number, timeout=15.0):
        return self.wait(lambda message: message.get("id") == number and type(message["id"]) is type(number),
                         f"the answer to {number!r}", timeout)

    def answers(self, number):
        return [message for message in list(self.messages) if message.get("id") == number]

    def progress(self, token):
        return [message for message in list(self.messages) if message.get("method") == "notifications/progress"
                and message["params"]["progressToken"] == token]

    def forget(self):
        with self.changed:
            self.messages.clear()

    def anonymous_errors(self):
        return [message["error"]["code"] for message in list(self.messages)
                if "error" in message and "id" not in message]

    def send_bytes(self, data):
        self._note("->", data)
        self.process.stdin.write(data)
        self.process.stdin.flush()

    def send(self, *messages):
        self.send_bytes(b"".join(compact(message).encode() + b"\n" for message in messages))

    def begin(self, method, params=None, **options):
        message = self.request(method, params, **options)
        self.send(message)
        return message["id"]

    def cancel(self, number):
        meta = {"_meta": envelope()} if self.era == STATELESS else {}
        self.send({"jsonrpc": "2.0", "method": "notifications/cancelled",
                   "params": {"requestId": number, "reason": "a test asked for it", **meta}})

    def exchange(self, message, timeout):
        self.send(message)
        return self.response(message["id"], timeout)

    def finish(self, number, timeout=15.0):
        return self.result_of(self.response(number, timeout))

    def begin_tool(self, tool, arguments, **options):
        return self.begin("tools/call", {"name": tool, "arguments": arguments}, **options)

    def finish_tool(self, tool, number, timeout=60.0):
        return self.structured(tool, self.finish(number, timeout))

    def initialize(self, version=HANDSHAKE):
        result = self.ask("initialize", {**HELLO, "protocolVersion": version})
        self.send({"jsonrpc": "2.0", "method": "notifications/initialized"})
        return result

    def close(self, timeout=10.0):
        """Ends the input, which ends the server; its exit status."""
        with contextlib.suppress(OSError, ValueError):
            self.process.stdin.close()
        status = self.process.wait(timeout)
        self.reader.join(timeout)
        assert self.problem is None, self.problem
        return status


class Reply:
    def __init__(self, response):
        self.status = response.status
        self.headers = response.headers
        self.body = response.read()
        self.streamed = response.headers.get_content_type() == "text/event-stream"

    @property
    def messages(self):
        """The JSON-RPC messages of the body, whichever form it has."""
        lines = self.body.decode().splitlines()
        found = [line[5:] for line in lines if line.startswith("data:")] if self.streamed else [self.body]
        messages = [json.loads(one) for one in found if one]
        for message in messages:
            check_shape(message)
        return messages

    @property
    def code(self):
        return self.messages[-1]["error"]["code"]

    def __repr__(self):
        return f"{self.status} {dict(self.headers)} {self.body[:600]!r}"


class HttpClient(Caller):
    """One server on a port; a connection for each request."""

    def __init__(self, port, era):
        super().__init__(era)
        self.port = port
        self.session = {}

    def headers(self, message):
        """What a client of this version sends along with a message."""
        headers = {"Content-Type": "application/json", "Accept": "application/json, text/event-stream",
                   "Authorization": f"Bearer {TOKEN}", "MCP-Protocol-Version": self.era, **self.session}
        if self.era == STATELESS and isinstance(message, dict):
            params = message.get("params", {})
            headers["Mcp-Method"] = message.get("method")
            headers["Mcp-Name"] = params.get("taskId", params.get("name"))
        return headers

    def post(self, message, timeout=15.0, path="/mcp", method="POST", **changes):
        """Sends a message, or bytes; changes are of headers (with _ for -), None leaves one out."""
        headers = self.headers(message) | {name.replace("_", "-"): value for name, value in changes.items()}
        body = message if isinstance(message, bytes) else compact(message).encode()
        with contextlib.closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)) as connection:
            connection.request(method, path, body, {key: value for key, value in headers.items() if value is not None})
            return Reply(connection.getresponse())

    def exchange(self, message, timeout):
        reply = self.post(message, timeout)
        answer = reply.messages[-1]
        assert answer.get("id") == message["id"], f"{compact(message)[:300]} is answered with {reply}"
        return answer

    def initialize(self):
        reply = self.post(self.request("initialize", HELLO))
        assert reply.messages[-1]["result"]["protocolVersion"] == HANDSHAKE, reply
        if session := reply.headers.get("Mcp-Session-Id"):
            self.session = {"Mcp-Session-Id": session}
        done = self.post({"jsonrpc": "2.0", "method": "notifications/initialized"})
        assert (done.status, done.body) == (202, b""), done


class McpTest(harness.JobwardTest):
    """A test with servers of its own, which end, with status 0, when it does."""

    def setUp(self):
        super().setUp()
        self.clients = []

    def tearDown(self):
        for client in self.clients:
            if client.process.poll() is None:
                self.assertEqual(client.close(), 0, client.story())
            self.assertIsNone(client.problem)
        super().tearDown()

    def spawn_server(self, *arguments, **popen):
        """The process of a server; its stderr goes to a file."""
        self.serial += 1
        with open(self.path(f"server-{self.serial}.stderr"), "wb") as log:
            return self.spawn([self.binary, "mcp", *arguments],
                              **{"stdin": subprocess.PIPE, "stderr": log, **popen})

    def connect(self, era=HANDSHAKE, initialize=True):
        client = Client(self.spawn_server(), era)
        self.clients.append(client)
        if initialize and era == HANDSHAKE:
            client.initialize()
        return client

    def run_small(self, client, command, **arguments):
        return client.tool("run_job", **{"command": command, "memory_limit": "64M", **arguments})

    def start_waiting(self, client, name="pid", **arguments):
        """A job that goes on until the file "finish" is there; its id and its pid."""
        started = self.run_small(client, self.waiting_job(name), **{"wait_seconds": 0, **arguments})
        self.assertEqual(started["state"], "running", started)
        return started["job"], harness.wait_for_pid(self.path(name))

    def assert_ends(self, client, job, outcome="ok"):
        ended = client.tool("wait_job", job=job, wait_seconds=20)
        self.assertEqual((ended["state"], ended["outcome"]), ("ended", outcome), ended)
        return ended

    def assert_gone(self, pid):
        harness.wait_until(lambda: harness.is_dead(pid), f"process {pid} is gone", 15)
