"""What agents reach of the command line: each subcommand is a tool, or docs/agents.md says why not. And the plugin is what
`install` writes."""

import json
import os
import re
import subprocess
import unittest

from harness import BINARY, HERE, JobwardTest

ROOT = os.path.dirname(os.path.dirname(HERE))
ASK = {"jsonrpc": "2.0", "method": "tools/list", "id": 1, "params": {"_meta": {
    "io.modelcontextprotocol/protocolVersion": "2026-07-28", "io.modelcontextprotocol/clientCapabilities": {}}}}


class SurfaceTest(JobwardTest):
    def tools(self):
        done = subprocess.run([BINARY, "mcp"], input=json.dumps(ASK) + "\n", capture_output=True, env=self.env, text=True,
                              timeout=60)
        return json.loads(done.stdout)["result"]["tools"]

    def documented(self):
        """{subcommand: what the table says of it}"""
        with open(os.path.join(ROOT, "docs/agents.md")) as file:
            text = file.read()
        rows = re.search(r"\| subcommand \|.*?\n\|[-|]+\n((?:\|.*\n)+)", text).group(1)
        out = {}
        for row in rows.splitlines():
            names, why = row.strip("|").split("|", 1)
            out.update({name: why.strip() for name in re.findall(r"`([^`]+)`", names)})
        return out

    def test_each_subcommand_is_a_tool_or_listed_with_the_reason_why_not(self):
        help_text = subprocess.run([BINARY, "--help"], capture_output=True, text=True, timeout=60).stdout
        commands = re.findall(r"^  ([a-z]+) +\S", help_text, re.MULTILINE)
        self.assertGreater(len(commands), 20)
        documented = self.documented()
        self.assertEqual(set(commands), set(documented))
        names = {tool["name"] for tool in self.tools()}
        for command, why in documented.items():
            told = set(re.findall(r"`([a-z_]+)`", why)) & names
            self.assertTrue(told or why.startswith("none: "), f"{command}: {why}")

    def test_each_tool_is_documented_and_none_approves(self):
        with open(os.path.join(ROOT, "docs/agents.md")) as file:
            text = file.read()
        for tool in self.tools():
            self.assertIn(f"`{tool['name']}`", text)
            self.assertNotIn("approve", tool["name"])
            self.assertLess(len(tool["description"]), 2048)  # Claude Code cuts there

    def test_the_plugin_has_the_hooks_that_install_writes(self):
        home = os.path.join(self.tmp, "home")
        os.mkdir(home)
        subprocess.run([BINARY, "install", "claude-code", "--yes"], check=True, capture_output=True, timeout=60,
                       env={**self.env, "HOME": home, "CLAUDE_CONFIG_DIR": home, "PATH": "/nowhere"})
        with open(os.path.join(home, "settings.json")) as file:
            written = json.load(file)["hooks"]
        with open(os.path.join(ROOT, "packaging/claude-code/hooks/hooks.json")) as file:
            shipped = json.load(file)["hooks"]
        for groups in written.values():
            for handler in (handler for group in groups for handler in group["hooks"]):
                handler["command"] = re.sub(r"^'.*jobward'", "jobward", handler["command"])
        self.assertEqual(shipped, written)


if __name__ == "__main__":
    unittest.main()
