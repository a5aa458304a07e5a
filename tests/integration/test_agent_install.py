"""`jobward install AGENT`: the agent's own settings, changed in the open and put back."""

import json
import os
import pty
import subprocess
import unittest

from harness import BINARY, JobwardTest, read_bytes

FILES = {"claude-code": (".claude/settings.json", ".claude.json"), "codex": (".codex/hooks.json", ".codex/config.toml"),
         "gemini": (".gemini/settings.json",), "cursor": (".cursor/hooks.json", ".cursor/mcp.json")}


class InstallTest(JobwardTest):
    def setUp(self):
        super().setUp()
        self.home = os.path.join(self.tmp, "home")
        os.mkdir(self.home)
        self.env["HOME"] = self.home
        for name in ("CLAUDE_CONFIG_DIR", "CODEX_HOME", "GEMINI_CLI_HOME"):
            self.env.pop(name, None)

    def run_it(self, *arguments, expect=0, stdin=subprocess.DEVNULL):
        done = subprocess.run([BINARY, *arguments], stdin=stdin, capture_output=True, env=self.env, cwd=self.work,
                              text=True, timeout=60)
        self.assertEqual(done.returncode, expect, done)
        return done.stdout + done.stderr

    def put(self, name, text):
        path = os.path.join(self.home, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w") as file:
            file.write(text)
        return path

    def all_files(self):
        return {os.path.join(parent, name): read_bytes(os.path.join(parent, name))
                for parent, _, names in os.walk(self.home) for name in names}

    def test_installed_twice_is_installed_once_and_taken_out_nothing_is_left(self):
        for agent, files in FILES.items():
            with self.subTest(agent=agent):
                self.run_it("install", agent, "--yes")
                first = self.all_files()
                for name in files:
                    self.assertIn(os.path.join(self.home, name), first)
                self.assertIn("nothing to change", self.run_it("install", agent, "--yes"))
                self.assertEqual(self.all_files(), first)
                self.run_it("uninstall", agent, "--yes")
                for name in files:
                    self.assertNotIn(b"jobward", read_bytes(os.path.join(self.home, name)))

    def test_what_was_there_stays_and_is_kept_beside(self):
        settings = {"model": "opus", "hooks": {"PreToolUse": [{"matcher": "Edit", "hooks": [{"type": "command", "command": "x"}]}]},
                    "permissions": {"deny": ["Bash(rm:*)"]}}
        path = self.put(".claude/settings.json", json.dumps(settings, indent=4) + "\n")
        before = read_bytes(path)
        self.run_it("install", "claude-code", "--yes")
        after = json.loads(read_bytes(path))
        self.assertEqual(after["permissions"], settings["permissions"])
        self.assertEqual(after["hooks"]["PreToolUse"][0], settings["hooks"]["PreToolUse"][0])
        self.assertEqual(read_bytes(path + ".before-jobward"), before)
        self.run_it("uninstall", "claude-code", "--yes")
        self.assertEqual(read_bytes(path), before)

    def test_the_installed_hook_is_a_command_that_works(self):
        self.run_it("install", "claude-code", "--yes")
        with open(os.path.join(self.home, ".claude/settings.json")) as file:
            command = json.load(file)["hooks"]["PreToolUse"][0]["hooks"][0]["command"]
        event = {"session_id": "s", "cwd": self.work, "hook_event_name": "PreToolUse", "tool_name": "Bash",
                 "tool_input": {"command": "make -j8"}}
        done = subprocess.run(["sh", "-c", command], input=json.dumps(event), capture_output=True, env=self.env, text=True,
                              timeout=60)
        self.assertIn("run --no-wait", json.loads(done.stdout)["hookSpecificOutput"]["updatedInput"]["command"])

    def test_a_dry_run_and_a_question_without_a_yes_write_nothing(self):
        self.assertIn("mcpServers", self.run_it("install", "claude-code", "--dry-run"))
        self.assertIn("--yes", self.run_it("install", "claude-code", expect=2))
        main, terminal = pty.openpty()
        os.write(main, b"n\n")
        self.assertIn("nothing was written", self.run_it("install", "claude-code", expect=2, stdin=terminal))
        os.close(main)
        os.close(terminal)
        self.assertEqual(self.all_files(), {})

    def test_a_file_that_is_not_understood_is_left_alone_and_so_are_the_others(self):
        path = self.put(".claude.json", "// mine\n{}\n")
        out = self.run_it("install", "claude-code", "--yes", expect=2)
        self.assertIn("nothing was written", out)
        self.assertIn(path, out)
        self.assertEqual(list(self.all_files()), [path])

    def test_in_a_project(self):
        subprocess.run(["git", "init", "-q", self.work], check=True)
        inside = os.path.join(self.work, "sub")
        os.mkdir(inside)
        self.work = inside
        self.run_it("install", "claude-code", "--project", "--yes")
        project = os.path.dirname(inside)
        with open(os.path.join(project, ".mcp.json")) as file:
            self.assertEqual(json.load(file)["mcpServers"]["jobward"]["args"], ["mcp"])
        self.assertTrue(os.path.exists(os.path.join(project, ".claude/settings.json")))
        self.assertEqual(self.all_files(), {})


    def test_in_a_project_others_can_read_it_and_what_was_there_keeps_its_mode(self):
        subprocess.run(["git", "init", "-q", self.work], check=True)
        old = os.path.join(self.work, ".mcp.json")
        with open(old, "w") as file:
            file.write("{}")
        os.chmod(old, 0o640)
        self.run_it("install", "claude-code", "--project", "--yes")
        self.assertEqual(os.stat(old).st_mode & 0o777, 0o640)
        new = os.path.join(self.work, ".claude/settings.json")
        umask = os.umask(0o022)
        os.umask(umask)
        self.assertEqual(os.stat(new).st_mode & 0o777, 0o644 & ~umask)
        self.run_it("install", "cursor", "--yes")
        self.assertEqual(os.stat(os.path.join(self.home, ".cursor/hooks.json")).st_mode & 0o777, 0o600)

    def test_a_long_line_is_not_shown_whole(self):
        self.put(".claude.json", json.dumps({"key": "s3cret", "filling": "x" * 300, "mcpServers": {"z": {"command": "z"}}}))
        out = self.run_it("install", "claude-code", "--dry-run")
        self.assertNotIn("s3cret", out)
        self.assertIn('"jobward"', out)

    def test_a_link_to_nothing_is_not_written_over(self):
        os.symlink("/nowhere/settings", os.path.join(self.home, ".claude.json"))
        self.assertIn("link", self.run_it("install", "claude-code", "--yes", expect=2))
        self.assertTrue(os.path.islink(os.path.join(self.home, ".claude.json")))
        self.assertEqual(os.listdir(self.home), [".claude.json"])
        self.assertIn("nothing to change", self.run_it("uninstall", "claude-code", "--yes"))


if __name__ == "__main__":
    unittest.main()
