"""`jobward mcp` on stdin and stdout, as an agent's client drives it, and as a broken one does."""

import os
import re
import signal
import sys
import threading
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import harness
from mcp_client import (HANDSHAKE, HELLO, INVALID_PARAMS, INVALID_REQUEST, META, NO_METHOD, NO_VERSION,
                        PARSE_ERROR, STATELESS, TASKS, McpTest, checked_result, compact, envelope, peak_memory)

MIB = harness.MIB
TOOLS = {"preflight", "run_job", "job_status", "wait_job", "stop_job", "job_logs", "list_jobs", "explain_job",
         "machine_status", "verify_data", "stamp_check", "ledger_query", "request_review", "review_check"}
READING = {"preflight", "job_status", "job_logs", "list_jobs", "explain_job", "machine_status", "ledger_query"}
ERAS = (HANDSHAKE, STATELESS)


class Protocol(McpTest):
    def test_the_handshake_echoes_the_versions_it_knows(self):
        for asked in ("2025-11-25", "2025-06-18", "2025-03-26", "2024-11-05", "2026-07-28", "1900-01-01", "x"):
            with self.subTest(asked=asked):
                client = self.connect(initialize=False)
                result = client.initialize(asked)
                known = asked.startswith(("2025", "2024"))
                self.assertEqual(result["protocolVersion"], asked if known else HANDSHAKE)
                self.assertTrue(result["serverInfo"]["name"] == "jobward" and result["serverInfo"]["version"])
                self.assertIn("tools", result["capabilities"])
                client.assert_alive()

    def test_before_initialize_only_ping_is_answered(self):
        client = self.connect(initialize=False)
        client.assert_alive()
        self.assertEqual(client.refused("tools/list")["code"], INVALID_PARAMS)
        self.assertEqual(client.initialize()["capabilities"]["tasks"],
                         {"list": {}, "cancel": {}, "requests": {"tools": {"call": {}}}})
        client.ask("tools/list")

    def test_discover(self):
        result = self.connect(STATELESS).ask("server/discover")
        self.assertLessEqual(set(ERAS), set(result["supportedVersions"]))
        self.assertEqual((result["resultType"], result["capabilities"]["extensions"][TASKS]), ("complete", {}))
        self.assertIn("tools", result["capabilities"])
        self.assertTrue(isinstance(result["ttlMs"], int) and result["cacheScope"] in ("private", "public"))
        self.assertEqual(result["_meta"][META + "serverInfo"]["name"], "jobward")

    def test_what_a_stateless_request_must_carry(self):
        client = self.connect(initialize=False)
        bare = {META + "protocolVersion": STATELESS}
        anonymous = {**bare, META + "clientCapabilities": {}}
        client.ask("tools/list", {"_meta": anonymous})
        for method, meta, code in (("server/discover", None, INVALID_PARAMS), ("server/discover", bare, INVALID_PARAMS),
                                   ("tools/list", bare, INVALID_PARAMS), ("initialize", envelope(), NO_METHOD),
                                   ("ping", envelope(), NO_METHOD), ("tasks/list", envelope(), NO_METHOD),
                                   ("logging/setLevel", envelope(), NO_METHOD), ("no/such", envelope(), NO_METHOD)):
            with self.subTest(method=method, meta=meta):
                params = {"_meta": meta} if meta else {}
                self.assertEqual(client.refused(method, {**HELLO, **params})["code"], code)
        error = client.refused("tools/list", {"_meta": envelope("1900-01-01")})
        self.assertEqual((error["code"], error["data"]["requested"]), (NO_VERSION, "1900-01-01"))
        self.assertIn(STATELESS, error["data"]["supported"])
        client.initialize()
        for params in ({}, {"_meta": envelope()}):
            client.ask("tools/list", params)

    def test_the_list_of_tools(self):
        for era in ERAS:
            with self.subTest(era=era):
                client = self.connect(era)
                result = client.ask("tools/list")
                self.assertEqual(result["tools"], client.ask("tools/list")["tools"])
                self.assertNotIn("nextCursor", result)
                self.assertEqual(era == STATELESS, {"ttlMs", "cacheScope"} <= set(result))
                tools = {tool["name"]: tool for tool in result["tools"]}
                self.assertEqual((set(tools), len(result["tools"])), (TOOLS, len(TOOLS)))
                for tool in result["tools"]:
                    self.assert_well_described(tool, era)
                self.assertIs(tools["stop_job"]["annotations"]["destructiveHint"], True)
                self.assertEqual(client.refused("tools/list", {"cursor": "2"})["code"], INVALID_PARAMS)

    def assert_well_described(self, tool, era):
        name = tool["name"]
        self.assertLess(len(tool["description"].encode()), 2048, "clients cut it there")
        self.assertEqual((tool["inputSchema"]["type"], tool["outputSchema"]["type"]), ("object", "object"))
        for hint in ("readOnlyHint", "destructiveHint", "idempotentHint"):
            self.assertIsInstance(tool["annotations"][hint], bool, name)
        if name in READING | {"run_job", "stop_job", "request_review"}:
            self.assertEqual(tool["annotations"]["readOnlyHint"], name in READING, name)
        support = tool.get("execution", {}).get("taskSupport", "forbidden")
        expected = "optional" if name == "run_job" and era == HANDSHAKE else "forbidden"
        self.assertEqual(support, expected, name)
        self.assertFalse("execution" in tool and era == STATELESS, name)

    def test_what_there_is_not(self):
        for era in ERAS:
            client = self.connect(era)
            for method, params, code in (("tools/call", {"name": "approve", "arguments": {}}, INVALID_PARAMS),
                                         ("tools/call", {"name": 7, "arguments": {}}, INVALID_PARAMS),
                                         ("tools/call", {}, INVALID_PARAMS), ("resources/list", {}, NO_METHOD),
                                         ("prompts/list", {}, NO_METHOD), ("no/such", {}, NO_METHOD)):
                with self.subTest(era=era, method=method, params=params):
                    self.assertEqual(client.refused(method, params)["code"], code)


COMMANDS = (
    ("printf '%s\\n' one\nprintf '%s\\n' two\n\n", b"one\ntwo\n"),
    ("""echo "it's" 'a "quoted" word' \\\\ '$HOME' "$((1 + 1))" `echo 3`""", b'it\'s a "quoted" word \\ $HOME 2 3\n'),
    ("cat <<'END'\n$HOME `x` \"q\" 'q' \\\nEND\ncat <<-END\n\tindented $((2 * 3))\n\tEND\n",
     b"$HOME `x` \"q\" 'q' \\\nindented 6\n"),
    ("cat <<< $'a\\tb c'", b"a\tb c\n"),
    ("printf %s 'žluťoučký kůň 🐎'", "žluťoučký kůň 🐎".encode()),
    ("printf '\\377\\376\\033[31m\\000\\r\\n'; echo {1..3}", b"\xff\xfe\x1b[31m\0\r\n1 2 3\n"),
    ("cat; echo end", b"end\n"),
    ("cat > /dev/null <<'END'\n" + "x" * 100_000 + "\nEND\necho done", b"done\n"),
    ("cat <<'END'\n" + "".join(f"{i} it's \"{i}\" $i\n" for i in range(5_000)) + "END\n",
     "".join(f"{i} it's \"{i}\" $i\n" for i in range(5_000)).encode()),
    (["printf", "%s|", "a b", "new\nline", "q\"uo'te", "$HOME", "", "*", "-n"], b"a b|new\nline|q\"uo'te|$HOME||*|-n|"))


class Running(McpTest):
    def test_commands_arrive_byte_for_byte(self):
        client = self.connect()
        for command, output in COMMANDS:
            with self.subTest(command=command[:60]):
                ended = self.run_small(client, command)
                self.assertEqual((ended["state"], ended["outcome"], ended["exit_code"]), ("ended", "ok", 0), ended)
                written = harness.read_bytes(os.path.join(self.state, "logs", ended["job"], "stdout"))
                self.assertEqual(written[:300], output[:300])
                self.assertTrue(written == output)
                logs = client.tool("job_logs", job=ended["job"], lines=5)
                self.assertEqual(logs["log_bytes"], len(output))

    def test_a_command_that_no_kernel_takes_is_refused_with_advice(self):
        text = self.connect().tool_error("run_job", {"command": "echo " + "x" * 200_000})
        self.assertIn("Write it to a file", text)

    def test_a_job_that_fails_says_so(self):
        client = self.connect()
        ended = self.run_small(client, "echo out; echo err >&2; exit 3", name="broken")
        self.assertEqual((ended["state"], ended["outcome"], ended["exit_code"]), ("ended", "failed", 3))
        self.assertEqual((ended["stdout_tail"].strip(), ended["stderr_tail"].strip()), ("out", "err"))
        why = client.tool("explain_job", job="broken")["why"]
        self.assertTrue(why and all(isinstance(sentence, str) and sentence for sentence in why), why)
        self.assertEqual(self.run_small(client, "kill -9 $$")["outcome"], "signaled")
        self.assertIn("/no/such/program", client.tool_error("run_job", {"command": ["/no/such/program"]}))

    def test_limits_hold_and_the_next_one_is_suggested(self):
        client = self.connect()
        self.assertEqual(self.run_small(client, [self.sleeper, "60"], time_limit="1s")["outcome"], "wall_limit")
        ended = self.run_small(client, self.job("touch_memory.py", 150, "--hold", 5))
        self.assertEqual((ended["outcome"], ended["memory_limit_bytes"]), ("memory_limit", 64 * MIB), ended)
        self.assertGreater(ended["suggested_memory_limit_bytes"], 64 * MIB)
        self.assertTrue(ended["advice"] and ended["cause"], ended)
        self.assertIn("refused", client.tool_error("run_job", {"command": "touch ran", "memory_limit": "900T"}))
        self.assertFalse(os.path.exists(self.path("ran")))

    def test_where_there_is_no_room(self):
        with open(self.path("config.toml"), "w") as file:
            file.write('[aggregate]\nmemory = "4G"\n')
        self.env["JOBWARD_CONFIG"] = self.path("config.toml")
        client = self.connect()
        job, _ = self.start_waiting(client, memory_limit="3G")
        now = {"command": "touch ran", "memory_limit": "3G", "if_no_room": "return"}
        self.assertIn("no room", client.tool_error("run_job", now))
        queued = self.run_small(client, "echo here", memory_limit="3G", wait_seconds=0)
        self.assertEqual(queued["state"], "waiting", queued)
        listed = client.tool("list_jobs", which="open")
        self.assertEqual((listed["open_jobs"], {one["job"] for one in listed["jobs"]}), (2, {job, queued["job"]}))
        self.assertIn(job, compact(client.tool("preflight", command="true")["running_jobs"]))
        self.touch("finish")
        self.assert_ends(client, job)
        self.assertEqual(self.assert_ends(client, queued["job"])["stdout_tail"].strip(), "here")
        self.assertFalse(os.path.exists(self.path("ran")))

    def test_it_answers_at_once_and_the_job_outlives_the_server(self):
        for number, end in enumerate((lambda one: one.close(), lambda one: one.process.terminate(),
                                      lambda one: one.process.kill())):
            with self.subTest(number=number):
                client = self.connect(ERAS[number % 2])
                before = time.monotonic()
                job, pid = self.start_waiting(client, f"pid{number}", stop_with_client=number == 0)
                self.assertLess(time.monotonic() - before, 5)
                waiting = client.begin_tool("wait_job", {"job": job, "wait_seconds": 60}) if number else None
                self.assertEqual(client.tool("job_status", job=job)["state"], "running")
                end(client)
                client.process.wait(10)
                self.assertEqual(client.answers(waiting), [])
                other = self.connect(STATELESS)
                self.assertEqual(other.tool("wait_job", job=job, wait_seconds=1)["state"], "running")
                self.assertFalse(harness.is_dead(pid))
                self.touch("finish")
                self.assert_ends(other, job)
                os.unlink(self.path("finish"))

    def test_stop_with_client(self):
        ends = (lambda one, _: one.close(), lambda one, _: one.process.terminate(), lambda one, call: one.cancel(call))
        for number, end in enumerate(ends * 2):  # the second time at once, while the job is being started
            with self.subTest(number=number):
                client, finish = self.connect(ERAS[number % 2]), f"finish{number}"
                before = len(self.history())
                call = client.begin_tool("run_job", {"command": self.waiting_job("pid", finish), "memory_limit": "64M",
                                                     "wait_seconds": 60, "stop_with_client": True}, token=1)
                if number < len(ends):
                    client.wait(lambda message: "method" in message, "progress")
                end(client, call)
                try:
                    if number % len(ends) < 2:
                        client.process.wait(15)
                        harness.wait_until(lambda: not harness.survivors(self.tmp), "the end", 15)
                    else:
                        harness.wait_until(lambda: len(runs := self.history()) > before
                                           and all("outcome" in run for run in runs), "the job is stopped", 15)
                finally:
                    self.touch(finish)
                self.assertEqual(client.answers(call), [])
                client.close()
        self.assertLessEqual({run["outcome"] for run in self.history()}, {"stopped", "cancelled"})

    def test_stop_and_a_lost_supervisor(self):
        client = self.connect()
        job, pid = self.start_waiting(client)
        self.assertEqual(client.tool("stop_job", job=job)["outcome"], "stopped")
        self.assertTrue(harness.is_dead(pid))
        self.assertEqual(client.tool("stop_job", job=job)["state"], "ended")
        job, pid = self.start_waiting(client, "pid2")
        os.kill(harness.parent_of(pid), signal.SIGKILL)
        lost = harness.wait_until(lambda: (now := client.tool("wait_job", job=job, wait_seconds=2))["state"]
                                  != "running" and now, "the loss is seen")
        self.assertEqual(lost["outcome"], "supervisor_lost")
        self.assert_gone(pid)


class Waiting(McpTest):
    def test_progress(self):
        for era, token in ((HANDSHAKE, 0), (STATELESS, "a token")):
            with self.subTest(era=era):
                client = self.connect(era)
                begun = time.monotonic()
                call = client.begin_tool("run_job", {"command": [self.sleeper, "60"], "memory_limit": "64M",
                                                     "wait_seconds": 5}, token=token)
                answer = client.response(call, 30)
                notes = client.progress(token)
                self.assertGreaterEqual(len(notes), 2)
                self.assertGreater(notes[0].at - begun, 0.3)
                steps = [note["params"]["progress"] for note in notes]
                self.assertTrue(0.3 < steps[0] < 2, "seconds since it began to wait")
                self.assertEqual(steps, sorted(set(steps)), "they grow")
                self.assertRegex(notes[-1]["params"]["message"], r"\d.*\d ?[KMG]i?B?\b")
                self.assertGreater(answer.at - notes[-1].at, 0.01, "clients lose what comes with the result")
                job = checked_result(answer["result"])["job"]
                self.assertEqual(client.tool("wait_job", job=job, wait_seconds=1)["state"], "running")
                client.tool("stop_job", job=job)
                self.assertEqual(sum("method" in message for message in client.messages), len(notes))

    def test_calls_do_not_hold_each_other_up(self):
        client = self.connect()
        job, _ = self.start_waiting(client)
        calls = [client.begin_tool("wait_job", {"job": job, "wait_seconds": 60}) for _ in range(20)]
        before = time.monotonic()
        client.tool("preflight", command="true")
        self.assertLess(time.monotonic() - before, 5)
        runs = [client.begin_tool("run_job", {"command": f"echo {n}", "memory_limit": "64M"}) for n in range(8)]
        self.assertEqual([client.finish_tool("run_job", run)["stdout_tail"].strip() for run in runs], list("01234567"))
        self.assertFalse([message for message in client.messages if message.get("id") in calls])
        self.touch("finish")
        self.assertEqual({client.finish_tool("wait_job", call)["outcome"] for call in calls}, {"ok"})

    def test_a_cancelled_call_is_not_answered_and_the_job_goes_on(self):
        for era in ERAS:
            with self.subTest(era=era):
                client = self.connect(era)
                call = client.begin_tool("run_job", {"command": self.waiting_job(), "memory_limit": "64M",
                                                     "wait_seconds": 60})
                pid = harness.wait_for_pid(self.path("pid"))
                job = client.tool("list_jobs", which="open")["jobs"][0]["job"]
                again = client.begin_tool("wait_job", {"job": job, "wait_seconds": 60})
                for number in (call, 999, [1], None, again):
                    client.cancel(number)
                self.assertEqual(client.tool("wait_job", job=job, wait_seconds=1)["state"], "running")
                self.assertFalse(harness.is_dead(pid))
                self.touch("finish")
                self.assert_ends(client, job)
                self.assertEqual(client.answers(call) + client.answers(again), [])
                for name in ("pid", "finish"):
                    os.unlink(self.path(name))

    def test_a_cancellation_that_comes_with_its_call(self):
        client = self.connect()
        calls = []
        for _ in range(10):
            call = client.request("tools/call", {"name": "run_job", "arguments": {
                "command": self.waiting_job(), "memory_limit": "64M", "wait_seconds": 60, "stop_with_client": True}})
            client.send(call, {"jsonrpc": "2.0", "method": "notifications/cancelled",
                               "params": {"requestId": call["id"]}})
            calls.append(call["id"])
        harness.wait_until(lambda: not client.tool("list_jobs", which="open", limit=1)["jobs"]
                           and not harness.children_of(client.process.pid), "all are stopped", 30)
        self.assertFalse([message for message in client.messages if message.get("id") in calls])


def line(**changes):
    return compact({"jsonrpc": "2.0", "id": 900, "method": "ping", **changes}).encode()


DEEP = b'{"jsonrpc":"2.0","id":900,"method":"ping","params":' + b'{"a":' * 10_000 + b"1" + b"}" * 10_001
BAD = {PARSE_ERROR: (b"{", b"x", line()[:-5], line() + b"}", b'"\xff"', line().replace(b"ping", b"p\xc3\x28"),
                     line().replace(b"900", b"NaN"), DEEP, b"[" * 10_000, b"[" * 10_000 + b"]" * 10_000),
       INVALID_REQUEST: (b"[]", b"[" + line() + b"]", b"5", b'"ping"', b"null", b"{}",
                         *(line(id=number) for number in (None, 1.5, True, [1], {"a": 1})))}


class BadInput(McpTest):
    def test_lines_that_are_no_request_get_an_error_without_id(self):
        for era in ERAS:
            client = self.connect(era)
            for code, data in ((code, data) for code, lines in BAD.items() for data in lines):
                with self.subTest(era=era, data=data[:80]):
                    before = len(client.anonymous_errors())
                    client.send_bytes(data + b"\n")
                    harness.wait_until(lambda: len(client.anonymous_errors()) > before, f"an error for {data[:80]}", 5)
                    self.assertEqual(client.anonymous_errors()[before:], [code])
                    client.assert_alive()

    def test_requests_that_are_wrong(self):
        client = self.connect()
        bare = {"jsonrpc": "2.0", "id": 900}
        for wrong, codes in ((bare, {INVALID_REQUEST}), ({"id": 900, "method": "ping"}, {INVALID_REQUEST}),
                             ({**bare, "jsonrpc": "1.0", "method": "ping"}, {INVALID_REQUEST}),
                             ({**bare, "method": 5}, {INVALID_REQUEST}),
                             ({**bare, "method": ""}, {NO_METHOD, INVALID_REQUEST}),
                             ({**bare, "method": "tools/list", "params": [1]}, {INVALID_REQUEST, INVALID_PARAMS}),
                             ({**bare, "method": "tools/list", "params": "x"}, {INVALID_REQUEST, INVALID_PARAMS}),
                             ({**bare, "method": "notifications/initialized"}, {NO_METHOD})):
            with self.subTest(wrong=wrong):
                client.forget()
                client.send(wrong)
                answer = client.wait(lambda message: message.get("id", 900) == 900, f"an error for {wrong}")
                self.assertIn(answer["error"]["code"], codes)
                client.assert_alive()

    def test_ids_come_back_as_they_were(self):
        client = self.connect()
        for number in ("text", "", "0", 0, -5, 2**53 + 1, 2**63 - 1, "né\"\\"):
            client.forget()
            with self.subTest(number=number):
                client.send({"jsonrpc": "2.0", "id": number, "method": "ping"})
                self.assertEqual(client.response(number)["result"], {})
        client.send_bytes(b"\n" + line(id="cr") + b"\r\n")
        client.response("cr")

    def test_an_id_in_use_is_refused(self):
        client = self.connect()
        job, _ = self.start_waiting(client)
        call = client.begin_tool("wait_job", {"job": job, "wait_seconds": 60})
        client.send({"jsonrpc": "2.0", "id": call, "method": "ping"})
        error = client.wait(lambda message: "error" in message, "the refusal")
        self.assertEqual(error["error"]["code"], INVALID_REQUEST)
        self.touch("finish")
        answer = client.wait(lambda message: message.get("id") == call and "result" in message, "the first answer")
        self.assertEqual(checked_result(answer["result"])["outcome"], "ok")

    def test_notifications_are_not_answered(self):
        client = self.connect()
        for method in ("notifications/no/such", "notifications/initialized", "notifications/cancelled", "tools/list"):
            client.send({"jsonrpc": "2.0", "method": method})
        client.assert_alive()
        self.assertEqual(len(client.messages), 2, client.messages)
        client.send_bytes(line()[:-5])  # and then the end of the input, in the middle of a line

    def test_a_line_of_fifty_megabytes(self):
        client = self.connect()
        for filler in (b"x" * MIB, b"[" * MIB):
            client.send_bytes(b'{"jsonrpc":"2.0","id":900,"method":"ping","params":{"a":"')
            for _ in range(50):
                client.process.stdin.write(filler)
            client.send_bytes(b'"}}\n')
            client.assert_alive()
        self.assertEqual(client.anonymous_errors(), [INVALID_REQUEST] * 2)
        self.assertLess(peak_memory(client.process.pid), 64 * MIB)

    def test_a_client_that_does_not_read(self):
        process, count, sent = self.spawn_server(), 20_000, [0]
        asked = compact({"jsonrpc": "2.0", "id": "flood-%d", "method": "tools/list", "params": {"_meta": envelope()}})

        def write():
            for number in range(count):
                process.stdin.write((asked % number + "\n").encode())
                sent[0] = number
            process.stdin.close()
        threading.Thread(target=write, daemon=True).start()
        harness.wait_until(lambda: (now := sent[0]) and (time.sleep(1.5), sent[0] == now)[1], "it stands still", 60)
        self.assertIsNone(process.poll())
        killer = threading.Timer(150, process.kill)
        killer.start()
        seen, peak = set(), 0
        for answer in process.stdout:
            seen.add(re.search(rb'"id":"(flood-\d+)"', answer)[1])
            if len(seen) in (1, count // 2, count - 100):
                peak = max(peak, peak_memory(process.pid))
        killer.cancel()
        self.assertEqual((len(seen), process.wait(10)), (count, 0))
        self.assertLess(peak, 128 * MIB)


if __name__ == "__main__":
    harness.main()
