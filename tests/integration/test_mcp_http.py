"""`jobward mcp --http`: the transport; and what both transports share: tools, their arguments, tasks."""

import base64
import contextlib
import http.client
import json
import os
import re
import socket
import subprocess
import sys
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import harness
from mcp_client import (HANDSHAKE, HEADER_MISMATCH, INVALID_PARAMS, INVALID_REQUEST, NO_CAPABILITY, NO_METHOD,
                        NO_VERSION, PARSE_ERROR, RELATED, STATELESS, TASKS, TOKEN, HttpClient, McpTest,
                        checked_result, compact, envelope)

MIB = harness.MIB
ERAS = (HANDSHAKE, STATELESS)


class HttpTest(McpTest):
    def setUp(self):
        super().setUp()
        self.servers = []

    def tearDown(self):
        for process in self.servers:
            self.assertIsNone(process.poll(), "the server has died")
            process.terminate()
            process.wait(10)
        super().tearDown()

    def token_file(self, text=TOKEN, mode=0o600):
        path = self.path("token")
        with open(path, "w") as file:
            file.write(text + "\n")
        os.chmod(path, mode)
        return path

    def serve(self):
        """Starts a server; its port."""
        process = self.spawn_server("--http", "127.0.0.1:0", "--token-file", self.token_file(),
                                    stdin=subprocess.DEVNULL)
        self.servers.append(process)
        said = harness.wait_for_lines(self.path(f"server-{self.serial}.stderr"))[0]
        found = re.fullmatch(r"jobward: mcp: listening on http://127\.0\.0\.1:(\d+)/mcp", said) or self.fail(said)
        return int(found[1])

    def http(self, era=STATELESS, port=None):
        client = HttpClient(port or self.serve(), era)
        if era == HANDSHAKE:
            client.initialize()
        return client


class Transport(HttpTest):
    def test_what_it_does_not_start_with(self):
        good = self.token_file()
        for address, file, word in (("0.0.0.0:0", good, "--beyond-loopback"), ("[::]:0", good, "--beyond-loopback"),
                                    ("127.0.0.1:0", self.path("none"), "none"), ("127.0.0.1:99999", good, "99999"),
                                    ("nowhere", good, "nowhere")):
            with self.subTest(address=address, file=file):
                run = self.jobward("mcp", "--http", address, "--token-file", file)
                self.assertEqual((run.returncode, run.stdout), (2, b""), run)
                self.assertIn(word, run.messages)
        for text, mode in ((TOKEN, 0o644), (TOKEN, 0o640), (TOKEN[:15], 0o600), ("", 0o600)):
            with self.subTest(text=text, mode=mode):
                run = self.jobward("mcp", "--http", "127.0.0.1:0", "--token-file", self.token_file(text, mode))
                self.assertEqual((run.returncode, run.stdout), (2, b""), run)
                self.assertTrue(run.own_lines and (TOKEN[:15] not in run.messages), "the token is not told")

    def test_nobody_gets_in_without_the_token(self):
        client = self.http()
        message = client.request("tools/list")
        for value in (None, "Bearer wrong", f"Bearer {TOKEN}x", f"Bearer {TOKEN[:-1]}", TOKEN, f"Basic {TOKEN}"):
            with self.subTest(value=value):
                reply = client.post(message, Authorization=value)
                self.assertEqual((reply.status, TOKEN in reply.body.decode()), (401, False), reply)
                self.assertTrue(reply.headers["WWW-Authenticate"].startswith("Bearer"))
        for path, status in ((f"/mcp?token={TOKEN}", 200), ("/mcp?token=wrong", 401), ("/mcp?token=", 401)):
            self.assertEqual(client.post(message, path=path, Authorization=None).status, status, path)
        self.assertEqual(client.post(message).status, 200)

    def test_other_hosts_and_origins(self):
        client = self.http()
        message = client.request("tools/list")
        for host in ("localhost", "localhost:1", "127.0.0.1:80", "[::1]:5000", "[::1]"):
            self.assertEqual(client.post(message, Host=host).status, 200, host)
            self.assertEqual(client.post(message, Origin=f"http://{host}").status, 200, host)
        for host in ("evil.example.com", "localhost.evil.example.com", "127.0.0.1.evil.example.com:80", "10.0.0.1"):
            self.assertEqual(client.post(message, Host=host).status, 403, host)
            self.assertEqual(client.post(message, Origin=f"http://{host}").status, 403, host)
        for origin in ("null", "file://", "http://localhost@evil.example.com", "http://evil.example.com/localhost"):
            self.assertEqual(client.post(message, Origin=origin).status, 403, origin)

    def test_statuses(self):
        client = self.http()
        message = client.request("tools/list")
        for status, changes in ((404, {"path": "/"}), (404, {"path": "/mcp/x"}), (405, {"method": "GET"}),
                                (405, {"method": "DELETE"}), (415, {"Content_Type": "text/plain"}),
                                (415, {"Content_Type": None}), (406, {"Accept": "application/json"}),
                                (406, {"Accept": "text/event-stream"}), (406, {"Accept": "text/html"}),
                                (200, {"Content_Type": "application/json; charset=utf-8"})):
            with self.subTest(status=status, changes=changes):
                reply = client.post(message, **changes)
                self.assertEqual(reply.status, status, reply)
                self.assertEqual(reply.headers["Allow"] if status == 405 else "POST", "POST")
        reply = client.post({"jsonrpc": "2.0", "method": "notifications/initialized"})
        self.assertEqual((reply.status, reply.body), (202, b""))
        for data, code in ((b"{", PARSE_ERROR), (b"", PARSE_ERROR), (b"\xff", PARSE_ERROR), (b"[]", INVALID_REQUEST),
                           (b"[" * 10_000, PARSE_ERROR), (b"[%s]" % compact(message).encode(), INVALID_REQUEST)):
            with self.subTest(data=data[:40]):
                reply = client.post(data)
                self.assertEqual((reply.status, reply.code, "id" in reply.messages[0]), (400, code, False), reply)

    def test_headers_must_agree_with_the_body(self):
        client = self.http()
        call = client.request("tools/call", {"name": "machine_status", "arguments": {}})
        hidden = f"=?base64?{base64.b64encode(b'machine_status').decode()}?="
        for changes in ({}, {"Mcp_Name": hidden}, {"Mcp_Name": " machine_status "}):
            self.assertEqual(client.post(call, **changes).status, 200, changes)
        for changes in ({"Mcp_Method": None}, {"Mcp_Method": "tools/list"}, {"Mcp_Method": "Tools/Call"},
                        {"Mcp_Name": None}, {"Mcp_Name": "run_job"}, {"Mcp_Name": "=?base64?!!?="},
                        {"MCP_Protocol_Version": None}, {"MCP_Protocol_Version": HANDSHAKE}):
            with self.subTest(changes=changes):
                reply = client.post(call, **changes)
                self.assertEqual((reply.status, reply.code), (400, HEADER_MISMATCH), reply)
        for message, changes, expected in (
                (client.request("tools/list", {"_meta": envelope("1900-01-01")}),
                 {"MCP_Protocol_Version": "1900-01-01"}, (400, NO_VERSION)),
                (client.request("tools/list", {"_meta": {}}), {}, (400, INVALID_PARAMS)),
                (client.request("no/such"), {}, (404, NO_METHOD)), (client.request("ping"), {}, (404, NO_METHOD)),
                (client.request("tasks/get", {"taskId": "x"}), {}, (400, NO_CAPABILITY)),
                (client.request("tools/call", {"name": "approve", "arguments": {}}), {}, (200, INVALID_PARAMS))):
            with self.subTest(message=message):
                reply = client.post(message, **changes)
                self.assertEqual((reply.status, reply.code), expected, reply)

    def test_a_stream_begins_with_the_first_progress_only(self):
        for era in ERAS:
            with self.subTest(era=era):
                client = self.http(era)
                quick = client.post(client.request("tools/call", {"name": "machine_status", "arguments": {}}, token=0))
                self.assertEqual((quick.streamed, len(quick.messages)), (False, 1))
                slow = client.post(client.request("tools/call", {"name": "run_job", "arguments": {
                    "command": [self.sleeper, "1.2"], "memory_limit": "64M"}}, token="t"), 30)
                self.assertTrue(slow.streamed, slow)
                *notes, answer = slow.messages
                self.assertEqual({note["params"]["progressToken"] for note in notes}, {"t"})
                self.assertEqual(checked_result(answer["result"])["outcome"], "ok")

    def test_who_hangs_up_cancels_in_the_stateless_version_only(self):
        for era, more in ((HANDSHAKE, b""), (STATELESS, b""), (STATELESS, b"POST /mcp")):
            with self.subTest(era=era, more=more):
                client = self.http(era)
                call = client.request("tools/call", {"name": "run_job", "arguments": {
                    "command": self.waiting_job(), "memory_limit": "64M", "wait_seconds": 50,
                    "stop_with_client": True}}, token=1)
                connection = http.client.HTTPConnection("127.0.0.1", client.port, timeout=15)
                connection.request("POST", "/mcp", compact(call), {k: v for k, v in client.headers(call).items() if v})
                response = connection.getresponse()
                self.assertIn(b"message", response.readline())
                pid = harness.wait_for_pid(self.path("pid"))
                job = client.tool("list_jobs", which="open")["jobs"][0]["job"]
                connection.sock.sendall(more)
                response.close()
                connection.close()
                if era == HANDSHAKE:
                    self.assertEqual(client.tool("wait_job", job=job, wait_seconds=3)["state"], "running")
                    client.tool("stop_job", job=job)
                self.assert_gone(pid)
                os.unlink(self.path("pid"))

    def raw(self, port, data):
        """Sends bytes and no more; what comes back until the server hangs up."""
        with socket.create_connection(("127.0.0.1", port), timeout=15) as connection:
            with contextlib.suppress(OSError):
                connection.sendall(data)
                connection.shutdown(socket.SHUT_WR)
                return b"".join(iter(lambda: connection.recv(65536), b""))
        return b""

    def test_what_is_no_http(self):
        client = self.http()
        start = f"POST /mcp HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {TOKEN}\r\n".encode()
        for data in (b"", b"\r\n\r\n", b"GARBAGE\r\n\r\n", b"POST /mcp HTTP/9.9\r\n\r\n", b"\x16\x03\x01\x02\0\x01\0",
                     start + b"no colon\r\n\r\n", start + b"Content-Length: -5\r\n\r\n", start + b"X: a\0b\r\n\r\n",
                     start + b"Content-Length: 99999999999999999999\r\n\r\n", start + b"X: " + b"x" * MIB + b"\r\n\r\n",
                     start + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\n{}", start + b"Content-Length: 9\r\n\r\n{",
                     start + b"X: y\r\n" * 20_000 + b"\r\n", start + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n"):
            with self.subTest(data=data[-60:]):
                self.assertRegex(self.raw(client.port, data), rb"\A(HTTP/1\.[01] [45]\d\d |\Z)")
                client.assert_alive()
        self.assertRegex(self.raw(client.port, start + b"Content-Type: application/json\r\n"
                                  b"Accept: application/json, text/event-stream\r\nContent-Length: 100000000\r\n\r\n"),
                         rb"\AHTTP/1\.1 413 ")

    def test_who_sends_too_much_can_read_why(self):
        client = self.http()
        body = b"x" * (20 * MIB)
        connection = http.client.HTTPConnection("127.0.0.1", client.port, timeout=30)
        headers = {key: value for key, value in client.headers({"method": "ping"}).items() if value}
        connection.request("POST", "/mcp", body, headers)
        reply = connection.getresponse()
        self.assertEqual(reply.status, 413)
        self.assertIn(b"bytes", reply.read())
        connection.close()
        client.assert_alive()

    def test_idle_connections_do_not_keep_others_out(self):
        client = self.http()
        with contextlib.ExitStack() as stack:
            for _ in range(100):
                idle = stack.enter_context(socket.create_connection(("127.0.0.1", client.port), timeout=15))
                idle.sendall(b"POST /mcp HTTP/1.1\r\nHost: loc")
            client.assert_alive()


# For each tool arguments that are good, and bad values that take the place of one of them or come beside them.
WRONG = {
    "run_job": ({"command": "touch ran"}, {
        "command": (7, [], ["true", 7], "touch ran\0x", ["touch", "ran\0x"]), "cwd": ("/no/such", "/proc\0x"),
        "memory_limit": ("8Q", -1), "time_limit": ("5parsecs",), "wait_seconds": ("soon", -1), "cpus": ("many", 0),
        "retry_oom": (-1,), "if_no_room": ("perhaps",), "stop_with_client": ("no",), "require": ("contract.toml",),
        "features": ([1],), "memory_limt": ("1G",)}),
    "preflight": ({"command": "true"}, {"command": (None, []), "kwd": ("/",)}),
    "job_status": ({}, {"job": ("no-such-job", 5, "", "% OR 1=1", "../../etc")}),
    "wait_job": ({"job": "x"}, {"job": ("no-such-job",), "wait_seconds": ("soon",)}),
    "stop_job": ({}, {"job": ("no-such-job", None)}),
    "job_logs": ({"job": "x"}, {"job": ("../../etc",), "stream": ("stdeer",), "from": ("middle",), "lines": (-1,)}),
    "list_jobs": ({}, {"which": ("opn",), "limit": (-1, "all")}), "explain_job": ({}, {"job": ("no-such-job",)}),
    "machine_status": ({}, {"all": (True,)}), "verify_data": ({}, {"contracts": ([], [5], "x")}),
    "stamp_check": ({"stamp": "x"}, {"stamp": (5,), "max_age": ("old",)}),
    "ledger_query": ({}, {"severity": ("BAD",), "since": ("yestermorn",)}),
    "request_review": ({}, {"describe": (5,)}), "review_check": ({}, {"review": ("no-such-review",)})}


class Tools(HttpTest):
    def test_wrong_arguments_are_named_and_nothing_is_started(self):
        client = self.http()
        for tool, (good, wrong) in WRONG.items():
            for name, value in ((name, value) for name, values in wrong.items() for value in values):
                with self.subTest(tool=tool, name=name, value=value):
                    self.assertIn(name, client.tool_error(tool, {**good, name: value}))
        for tool in set(WRONG) - {"list_jobs", "machine_status", "ledger_query"}:
            with self.subTest(tool=tool):
                self.assertIn(next(iter(WRONG[tool][1])), client.tool_error(tool, {}))
        self.assertIn("memory_limit", client.tool_error("run_job", {"command": "touch ran", "memory_limt": "1G"}))
        self.assertIn("cwd", client.tool_error("preflight", {"command": "true", "kwd": "/"}))
        for arguments in ([1], "x", 5, None):
            with self.subTest(arguments=arguments):
                message = client.exchange(client.request("tools/call", {"name": "run_job", "arguments": arguments}), 15)
                self.assertTrue("error" in message or message["result"]["isError"], message)
        self.assertFalse(os.path.exists(self.path("ran")))
        self.assertEqual(client.tool("list_jobs", which="all")["jobs"], [])
        client.ask("tools/call", {"name": "machine_status"})

    def test_options_reach_the_run_and_sockets_do_not(self):
        client = self.http()
        os.mkdir(where := self.path("elsewhere"))
        ended = self.run_small(client, "pwd; ls -l /proc/self/fd /proc/$PPID/fd | grep socket: >&2", cwd=where,
                               cpus=1, time_limit="30s", name="nightly", kind="train", features={"rows": 5})
        self.assertEqual((ended["stdout_tail"].strip(), ended.get("stderr_tail", "")), (where, ""))
        shown = self.json_of("show", "--json", ended["job"])
        self.assertEqual([shown[name] for name in ("name", "kind", "cwd", "features")],
                         ["nightly", "train", where, {"feature:rows": 5}])
        self.assertEqual([shown["limits"][name] for name in ("memory_bytes", "wall_seconds", "cpus_count")],
                         [64 * MIB, 30, 1])

    def test_answers_are_short_and_as_their_schemas_say(self):
        os.mkdir(self.path(".git"))
        self.write("data.csv", "a\n1\n2\n")
        client = self.http()
        many = {"command": "true " + "x" * 300, "kind": "much"}
        before = client.tool("preflight", **many)
        self.assertEqual((before["verdict"], before["past_runs"]), ("fits", 0))
        for number in range(12):
            self.run_small(client, **many, name=f"a rather long name of a run, number {number}")
        self.assertEqual(client.tool("preflight", **many)["past_runs"], 12)
        some = client.tool("list_jobs", which="all", limit=2)
        self.assertEqual((some["open_jobs"], len(some["jobs"]), some["more"]), (0, 2, True))
        client.tool("list_jobs", which="ended")
        client.tool("machine_status")
        stamped = self.jobward("stamp", "make", "rows", "--inputs", "data.csv", "--", "cat", "data.csv")
        self.assertEqual(stamped.returncode, 0, stamped)
        self.assertIs(client.tool("stamp_check", stamp="rows", max_age="1h", audit=["cat", "data.csv"])["holds"], True)
        review = client.tool("request_review", describe="migrate", pools=["operator"], files=["data.csv"])["review"]
        self.assertEqual(client.tool("review_check", review=review)["state"], "pending")
        self.write("data.csv", "a\n1\n1\n")
        checked = client.tool("stamp_check", stamp="rows")
        self.assertEqual((checked["holds"], "data.csv" in compact(checked["objections"])), (False, True), checked)
        self.assertEqual(client.tool("review_check", review=review)["state"], "stale")
        self.assertEqual(len(client.tool("ledger_query", kind="stamp")["entries"]), 1)

    def test_data_is_verified(self):
        import verify_case
        self.env["JOBWARD_DUCKDB"] = verify_case.LIBRARY
        client = self.http()
        self.write("c.toml", 'id = "demo"\n[datasets.t]\npath = "data.csv"\n[checks.once]\ntype = "unique"\n'
                             'severity = "HARD_FAIL"\ndataset = "t"\ncolumns = "a"\n')
        for rows, passed in (("a\n1\n2\n", 1), ("a\n1\n1\n", 0)):
            self.write("data.csv", rows)
            answer = client.tool("verify_data", contracts=["c.toml"], cwd=self.work)
            self.assertEqual((answer["checks_passed"], answer["checks_failed"]), (passed, 1 - passed), answer)
            self.assertEqual("once" in compact(answer["failed"]), not passed, answer)

    def write(self, name, text):
        with open(self.path(name), "w") as file:
            file.write(text)

    def test_a_request_id_starts_it_once(self):
        client = self.http()
        first = self.run_small(client, "echo x >> ran", request_id="r1")
        self.assertEqual(self.run_small(client, "echo x >> ran", request_id="r1")["job"], first["job"])
        self.assertEqual(len(harness.read_lines(self.path("ran"))), 1)
        self.assertIn("refused", client.tool_error("run_job", {"command": "echo y >> ran", "request_id": "r1"}))

    def test_logs_in_part(self):
        client = self.http()
        ended = self.run_small(client, "seq 1 200000; echo oops >&2")
        self.assertTrue(ended["stdout_tail"].rstrip().endswith("\n200000"), ended)
        for options, text in (({"from": "head", "lines": 3}, "1\n2\n3"), ({"lines": 2}, "199999\n200000"),
                              ({"grep": "77777"}, "77777\n177777"), ({"stream": "stderr"}, "oops")):
            with self.subTest(options=options):
                logs = client.tool("job_logs", job=ended["job"], **options)
                self.assertEqual(logs["text"].strip("\n"), text)
        part = client.tool("job_logs", job=ended["job"], max_bytes=100, **{"from": "head"})
        self.assertLessEqual(len(part["text"].encode()), 100)
        self.assertTrue(part["text"].startswith("1\n2\n") and part["more"], part)

    def test_lines_around_what_was_cut_out_are_not_glued_together(self):
        self.env["JOBWARD_CONFIG"] = self.path("config.toml")
        with open(self.env["JOBWARD_CONFIG"], "w") as file:
            file.write('[logs]\nkeep = "64K"\n')
        client = self.connect()
        client.largest = None
        command = "i=0; while [ $i -lt 40000 ]; do echo \"<$i of many that are written $i>\"; i=$((i + 1)); done"
        whole = "".join(f"<{i} of many that are written {i}>\n" for i in range(2000))
        self.assertNotIn("\n", whole[32766:32769], "the hole begins within a line")
        job = client.tool("run_job", command=command + "; until [ -e finish ]; do sleep 0.1; done", memory_limit="64M",
                          wait_seconds=0)["job"]

        def cut():
            now = client.tool("job_logs", job=job, lines=5000, max_bytes=200_000, **{"from": "head"})
            # Until its last line is there, the end may be half a line, too.
            return now.get("cut_out_bytes") and "<39999 of many that are written 39999>" in now["text"] and now
        logs = harness.wait_until(cut, "the middle is cut out", 60)
        self.touch("finish")
        lines = logs["text"].splitlines()
        glued = [line for line in lines if "<" in line and ">" in line
                 and not re.fullmatch(r"<(\d+) of many that are written \1>", line)]
        self.assertEqual(glued, [])
        self.assertNotIn("\0", logs["text"])
        self.assertEqual(sum("<" in line and ">" not in line for line in lines), 1, "the line that was cut")


class Tasks(HttpTest):
    def begin_task(self, client, command=None):
        made = client.ask("tools/call", {"name": "run_job", "task": {"ttl": 60_000}, "arguments": {
            "command": command or self.waiting_job(), "memory_limit": "64M"}})["task"]
        self.assertLessEqual({"taskId", "status", "createdAt", "lastUpdatedAt", "ttl"}, set(made))
        return made

    def test_any_server_answers_for_a_task(self):
        client, other = self.connect(), self.http(HANDSHAKE)
        made = self.begin_task(client)
        name = {"taskId": made["taskId"]}
        self.assertEqual(made["status"], "working")
        self.assertEqual(client.tool("job_status", job=made["taskId"])["state"], "running")
        self.assertEqual(other.ask("tasks/get", name)["status"], "working")
        self.assertIn(made["taskId"], [task["taskId"] for task in other.ask("tasks/list")["tasks"]])
        pending = client.begin("tasks/result", name)
        client.tool("preflight", command="true")
        self.assertEqual(client.answers(pending), [])
        self.touch("finish")
        for result in (client.finish(pending, 30), other.ask("tasks/result", name)):
            self.assertEqual(checked_result(result)["outcome"], "ok")
            self.assertEqual(result["_meta"][RELATED], name)
        self.assertEqual(other.ask("tasks/get", name)["status"], "completed")
        self.assertEqual(other.refused("tasks/cancel", name)["code"], INVALID_PARAMS)
        for method in ("tasks/get", "tasks/result", "tasks/cancel"):
            for params in ({"taskId": "no-such-task"}, {"taskId": 5}, {}):
                self.assertEqual(client.refused(method, params)["code"], INVALID_PARAMS, (method, params))
        self.assertEqual(client.refused("tasks/list", {"cursor": "x"})["code"], INVALID_PARAMS)
        refused = client.refused("tools/call", {"name": "machine_status", "arguments": {}, "task": {"ttl": 1}})
        self.assertEqual(refused["code"], NO_METHOD)

    def test_waiting_for_a_task_can_be_given_up(self):
        client = self.connect()
        name = {"taskId": self.begin_task(client)["taskId"]}
        pending = client.begin("tasks/result", name)
        client.cancel(pending)
        # Its id is free again, and the job goes on.
        client.send({"jsonrpc": "2.0", "id": pending, "method": "ping"})
        self.assertEqual(client.finish(pending), {})
        self.assertEqual(client.ask("tasks/get", name)["status"], "working")
        self.touch("finish")
        harness.wait_until(lambda: client.ask("tasks/get", name)["status"] == "completed", "the task is done", 20)
        self.assertEqual(len(client.answers(pending)), 1)

    def test_a_task_that_is_cancelled_and_one_that_fails(self):
        client, other = self.connect(), self.http(HANDSHAKE)
        name = {"taskId": self.begin_task(client)["taskId"]}
        pid = harness.wait_for_pid(self.path("pid"))
        cancelled = other.ask("tasks/cancel", name)
        self.assertEqual((cancelled["taskId"], cancelled["status"]), (name["taskId"], "cancelled"))
        self.assert_gone(pid)
        self.assertEqual(client.ask("tasks/get", name)["status"], "cancelled")
        self.assertEqual(client.refused("tasks/cancel", name)["code"], INVALID_PARAMS)
        failed = {"taskId": self.begin_task(client, "exit 3")["taskId"]}
        result = client.ask("tasks/result", failed, 30)
        self.assertEqual((json.loads(result["content"][0]["text"])["exit_code"]), 3)
        self.assertEqual(client.ask("tasks/get", failed)["status"], "failed" if result.get("isError") else "completed")

    def test_asked_without_pause_while_it_ends(self):
        # What is told is of one moment: a record read twice may have ended between.
        client = self.http(HANDSHAKE)

        def listed(name):
            return next(task for task in client.ask("tasks/list")["tasks"] if task["taskId"] == name["taskId"])
        for ask in (lambda name: client.ask("tasks/get", name), listed):
            for _ in range(40):
                name = {"taskId": self.begin_task(client, "sleep 0.05")["taskId"]}
                deadline = time.monotonic() + 20
                while (now := ask(name))["status"] == "working":
                    self.assertNotIn("supervises", now["statusMessage"], now)
                    self.assertLess(time.monotonic(), deadline, now)
                self.assertEqual((now["status"], now["statusMessage"].startswith("ok: ")), ("completed", True), now)

    def test_the_extension(self):
        for client in (self.connect(STATELESS), self.http(STATELESS)):
            call = {"name": "run_job", "arguments": {"command": self.waiting_job(), "memory_limit": "64M"}}
            made = client.ask("tools/call", call, tasks=True)
            self.assertEqual((made["resultType"], made["status"], "ttlMs" in made), ("task", "working", True))
            name = {"taskId": made["taskId"]}
            for method in ("tasks/get", "tasks/update", "tasks/cancel"):
                error = client.refused(method, name)
                self.assertEqual((error["code"], error["data"]["requiredCapabilities"]),
                                 (NO_CAPABILITY, {"extensions": {TASKS: {}}}))
            self.assertEqual(client.ask("tasks/get", name, tasks=True)["status"], "working")
            self.touch("finish")
            done = harness.wait_until(lambda: (now := client.ask("tasks/get", name, tasks=True))["status"] != "working"
                                      and now, "the task is done", 20)
            self.assertEqual((done["status"], done["result"]["resultType"]), ("completed", "complete"))
            self.assertEqual(checked_result(done["result"])["outcome"], "ok")
            for method in ("tasks/update", "tasks/cancel"):
                params = {**name, "inputResponses": {}} if method == "tasks/update" else name
                self.assertEqual(client.ask(method, params, tasks=True)["resultType"], "complete")
                self.assertEqual(client.refused(method, {**params, "taskId": "x"}, tasks=True)["code"], INVALID_PARAMS)
            self.assertEqual(self.run_small(client, "echo now")["stdout_tail"].strip(), "now")
            for used in ("finish", "pid"):
                os.unlink(self.path(used))
            name = {"taskId": client.ask("tools/call", call, tasks=True)["taskId"]}
            pid = harness.wait_for_pid(self.path("pid"))
            client.ask("tasks/cancel", name, tasks=True)
            self.assert_gone(pid)
            self.assertEqual(client.ask("tasks/get", name, tasks=True)["status"], "cancelled")
            os.unlink(self.path("pid"))


if __name__ == "__main__":
    harness.main()
