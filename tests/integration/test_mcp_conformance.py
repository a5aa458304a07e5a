"""`jobward mcp --http` and the official conformance suite, @modelcontextprotocol/conformance 0.1.16.

Its scenarios are written against a fixture server with tools, prompts and resources of fixed names. Those that mean
something to a server that has tools only are run, where needed with a tool of ours in the place of the fixture's.
"""

import glob
import json
import os
import re
import secrets
import subprocess
import sys
import urllib.error
import urllib.request

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import harness
from test_mcp_sdk import AGENTS, node, packages

APPLIES = "applies"
RESOURCES = "we have no resources"
PROMPTS = "we have no prompts"
CONTENT = "it wants a tool that answers with this kind of content; ours answer with text and structured content"
FROM_SERVER = "it wants requests from the server to the client; we make none"
LOGGING = "we have no logging over the protocol: messages go to stderr"

# Every server scenario of the suite: it applies, or why it does not.
SCENARIOS = {
    "server-initialize": APPLIES,
    "ping": APPLIES,
    "tools-list": APPLIES,
    "tools-call-simple-text": APPLIES,
    "tools-call-error": APPLIES,
    "tools-call-with-progress": APPLIES,
    "dns-rebinding-protection": APPLIES,
    "server-sse-multiple-streams": "it wants a session id, which a server may do without, as ours does: it then warns "
                                   "and looks at nothing",
    "server-sse-polling": "it wants a tool that breaks its own stream off, to be resumed: that we do not offer",
    "json-schema-2020-12": "it wants a tool of this very name in tools/list, with a schema that is given",
    "logging-set-level": LOGGING,
    "tools-call-with-logging": LOGGING,
    "completion-complete": "we have no completions: there is nothing to complete without prompts and resources",
    "tools-call-image": CONTENT,
    "tools-call-audio": CONTENT,
    "tools-call-embedded-resource": CONTENT,
    "tools-call-mixed-content": CONTENT,
    "tools-call-sampling": FROM_SERVER,
    "tools-call-elicitation": FROM_SERVER,
    "elicitation-sep1034-defaults": FROM_SERVER,
    "elicitation-sep1330-enums": FROM_SERVER,
    "resources-list": RESOURCES,
    "resources-read-text": RESOURCES,
    "resources-read-binary": RESOURCES,
    "resources-templates-read": RESOURCES,
    "resources-subscribe": RESOURCES,
    "resources-unsubscribe": RESOURCES,
    "prompts-list": PROMPTS,
    "prompts-get-simple": PROMPTS,
    "prompts-get-with-args": PROMPTS,
    "prompts-get-embedded-resource": PROMPTS,
    "prompts-get-with-image": PROMPTS,
}

# Progress comes after half a second and then every two: 3 times, as the scenario wants, in 6 seconds.
ALIASES = {
    "test_simple_text": {"name": "machine_status", "arguments": {}},
    "test_error_handling": {"name": "job_status", "arguments": {"job": "no-such-job"}},
    "test_tool_with_progress": {"name": "run_job", "arguments": {"command": "sleep 6", "wait_seconds": 10}},
}


class Conformance(harness.JobwardTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.packages = packages()
        cls.node = node(cls.packages)

    def setUp(self):
        super().setUp()
        self.server = None

    def tearDown(self):
        if self.server:
            self.server.terminate()
            self.server.wait(10)
        super().tearDown()

    def suite(self, *arguments, timeout=90, **environment):
        """Runs the suite's own command line."""
        index = os.path.join(self.packages, "node_modules", "@modelcontextprotocol", "conformance", "dist", "index.js")
        preload = os.path.join(AGENTS, "conformance_preload.mjs")
        return self.finish(self.spawn([self.node, "--import", preload, index, *arguments],
                                      env={**self.env, **environment}), timeout=timeout)

    def start_server(self):
        """Its URL; the token is in self.token."""
        os.mkdir(self.state, 0o700)
        self.token = secrets.token_hex(24)
        token_file = os.path.join(self.tmp, "token")
        with open(os.open(token_file, os.O_CREAT | os.O_WRONLY, 0o600), "w") as file:
            file.write(self.token + "\n")
        messages = os.path.join(self.tmp, "server-stderr")
        with open(messages, "wb") as stderr:
            command = [self.binary, "mcp", "--http", "127.0.0.1:0", "--token-file", token_file]
            self.server = self.spawn(command, stderr=stderr, stdout=subprocess.DEVNULL)

        def listening():
            if self.server.poll() is not None:
                self.fail(f"the server ended with {self.server.returncode}: {harness.read_bytes(messages)!r}")
            found = [re.fullmatch(r"jobward: mcp: listening on (http://\S+)", line)
                     for line in harness.read_lines(messages)]
            return next((match.group(1) for match in found if match), None)
        return harness.wait_until(listening, "the server says where it listens")

    def scenario(self, name, url):
        """What the suite says of one: its exit status and what it checked."""
        results = os.path.join(self.tmp, "results", name)
        run = self.suite("server", "--url", url, "--scenario", name, "-o", results,
                         MCP_TOKEN=self.token, MCP_ALIAS=json.dumps(ALIASES))
        files = glob.glob(f"{results}/**/checks.json", recursive=True)
        self.assertEqual(len(files), 1, run)
        with open(files[0]) as file:
            return run, json.load(file)

    def test_every_scenario_of_the_suite_is_in_the_table(self):
        run = self.suite("list", "--server")
        self.assertEqual(run.returncode, 0, run)
        listed = re.findall(r"^ +- (\S+)", run.stdout.decode(), re.MULTILINE)
        self.assertEqual(sorted(listed), sorted(SCENARIOS))

    def test_the_scenarios_that_apply(self):
        url = self.start_server()
        for name in (name for name, applies in SCENARIOS.items() if applies == APPLIES):
            with self.subTest(scenario=name):
                run, checks = self.scenario(name, url)
                statuses = [check["status"] for check in checks]
                told = json.dumps(checks, indent=1)
                self.assertEqual(run.returncode, 0, f"{run}\n{told}")
                self.assertIn("SUCCESS", statuses, f"nothing was proved\n{told}")
                self.assertEqual({"FAILURE", "WARNING"} & set(statuses), set(), told)

    def test_without_the_token_nothing_is_answered(self):
        url = self.start_server()
        headers = {"Content-Type": "application/json", "Accept": "application/json, text/event-stream"}
        ping = json.dumps({"jsonrpc": "2.0", "id": 0, "method": "ping"}).encode()
        for sent, status in ((None, 401), ("Bearer no-such-token", 401), (f"Bearer {self.token}", 200)):
            with self.subTest(sent=sent):
                given = {**headers, "Authorization": sent} if sent else headers
                try:
                    with urllib.request.urlopen(urllib.request.Request(url, ping, given), timeout=10) as answer:
                        self.assertEqual((answer.status, json.load(answer)["result"]), (status, {}))
                except urllib.error.HTTPError as refusal:
                    self.assertEqual(refusal.code, status)
                    self.assertEqual(refusal.headers["WWW-Authenticate"], "Bearer")
                    refusal.close()


if __name__ == "__main__":
    harness.main()
