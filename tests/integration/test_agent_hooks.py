"""The hooks of the coding agents, driven as the agents do it: an event on stdin, an answer on stdout."""

import json
import os
import subprocess
import unittest

from harness import BINARY, JobwardTest, MIB, PYTHON, wait_until

AGENTS = ("claude-code", "codex", "gemini", "cursor")


class HookTest(JobwardTest):
    def setUp(self):
        super().setUp()
        # As it is installed: found in PATH by its name.
        self.bin = os.path.join(self.tmp, "bin")
        os.mkdir(self.bin)
        os.symlink(BINARY, os.path.join(self.bin, "jobward"))
        self.env["PATH"] = f"{self.bin}:{self.env['PATH']}"
        self.env["HOME"] = os.path.join(self.tmp, "home")
        os.mkdir(self.env["HOME"])

    def hook(self, agent, event, *options, expect=0):
        """The answer as an object, {} where there is none."""
        text = event if isinstance(event, (bytes, str)) else json.dumps(event)
        done = subprocess.run([BINARY, "hook", agent, *options], input=text.encode() if isinstance(text, str) else text,
                              capture_output=True, env=self.env, cwd=self.work, timeout=60)
        self.messages = done.stderr.decode()
        self.assertEqual(done.returncode, expect, done)
        return json.loads(done.stdout) if done.stdout.strip() else {}

    def claude(self, command, name="PreToolUse", **more):
        event = {"session_id": "s-1", "transcript_path": self.path("t.jsonl"), "cwd": self.work, "hook_event_name": name,
                 "tool_name": "Bash", "tool_use_id": "toolu_1", "tool_input": {"command": command, "description": "d"}}
        return {**event, **more}

    def event(self, agent, command):
        if agent == "gemini":
            return {"session_id": "s", "cwd": self.work, "hook_event_name": "BeforeTool", "transcript_path": "",
                    "tool_name": "run_shell_command", "tool_input": {"command": command}}
        if agent == "cursor":
            return {"conversation_id": "c", "hook_event_name": "beforeShellExecution", "command": command, "cwd": self.work}
        return self.claude(command, model="m")

    def wrapped(self, command, **more):
        answer = self.hook("claude-code", self.claude(command, **more))
        self.assertIn("hookSpecificOutput", answer, answer)
        self.assertNotIn("permissionDecision", answer["hookSpecificOutput"])
        return answer["hookSpecificOutput"]["updatedInput"]["command"]

    def reason(self, command, **more):
        answer = self.hook("claude-code", self.claude(command, **more))["hookSpecificOutput"]
        self.assertEqual(answer["permissionDecision"], "deny")
        return answer["permissionDecisionReason"]

    def shell(self, command, expect=0):
        done = subprocess.run(["bash", "-c", command], capture_output=True, env=self.env, cwd=self.work, timeout=120)
        self.assertEqual(done.returncode, expect, done)
        return done.stdout.decode()

    def config(self, text):
        self.env["JOBWARD_CONFIG"] = self.path("config.toml")
        with open(self.env["JOBWARD_CONFIG"], "w") as file:
            file.write(text)

    def script(self, name, text):
        path = self.path(name)
        with open(path, "w") as file:
            file.write(text)
        os.chmod(path, 0o755)
        return path


class BeforeTest(HookTest):
    def test_a_light_command_is_not_touched(self):
        for agent in AGENTS:
            for command in ("ls -la", "git status", "cat Makefile", "", "   "):
                self.assertEqual(self.hook(agent, self.event(agent, command)), {})

    def test_a_heavy_command_is_wrapped_and_runs_byte_for_byte(self):
        self.script("train.py", "import sys; print(sys.argv[1:])\n")
        command = f"{PYTHON} train.py 'a b' \"$((1 + 1))\" \"it's\" $'x\\ty' <<'E'\nnothing\nE"
        wrapped = self.wrapped(command)
        self.assertTrue(wrapped.startswith("jobward run --no-wait --actor "), wrapped)
        self.assertEqual(self.shell(wrapped), self.shell(command))

    def test_who_asked_is_on_record(self):
        self.script("train.py", "pass\n")
        self.shell(self.wrapped(f"{PYTHON} train.py", agent_id="a1", agent_type="reviewer"))
        claims = self.history()[0]["actor"]["claims"]
        told = {name: claims[name]["value"] for name in ("agent", "conversation", "call", "subagent", "role")}
        self.assertEqual(told, {"agent": "claude-code", "conversation": "s-1", "call": "toolu_1", "subagent": "a1",
                                "role": "reviewer"})

    def test_agents_that_would_have_to_be_allowed_are_told_what_to_run(self):
        for agent in ("codex", "cursor"):
            answer = json.dumps(self.hook(agent, self.event(agent, "make -j8")))
            self.assertIn("jobward run --no-wait", answer)
            self.assertIn("deny", answer)
            self.assertNotIn('"allow"', answer)

    def test_gemini_gets_the_whole_input_back(self):
        event = self.event("gemini", "make")
        event["tool_input"].update(description="d", is_background=False)
        given = self.hook("gemini", event)["hookSpecificOutput"]["tool_input"]
        self.assertEqual({**given, "command": "make"}, event["tool_input"])
        self.assertTrue(given["command"].endswith("-- bash -c 'make'"))

    def test_what_would_change_the_shell_or_outlive_it_is_denied_with_advice(self):
        self.assertIn("changes the shell (cd)", self.reason("cd build && make -j8"))
        for command in ("python train.py > log 2>&1 &", "make 2>&1 | tee log &", "(make) &", "make && echo done &"):
            self.assertIn("jobward run --detach", self.reason(command))

    def test_going_round_it_is_denied(self):
        for command in ("jobward run --no-limit -- make", "jobward run --no-limit=true -- make", "$J run --no-limit -- make", "cd x; jobward run --no-limit -- ls", "jobward approve d1",
                        "jobward uninstall claude-code"):
            self.assertIn("not allowed from an agent", self.reason(command))
        self.assertEqual(self.hook("claude-code", self.claude("jobward run -- make")), {})

    def test_what_does_not_fit_is_denied_with_the_reason(self):
        with open("/proc/meminfo") as file:
            total = int(file.readline().split()[1]) // 1024
        self.config(f"[defaults]\nmem = \"{total * 6 // 10}M\"\n")
        other = self.shell(f"jobward run --detach -- {self.sleeper} 60").strip()
        reason = self.reason("make -j8")
        self.shell(f"jobward stop --quiet {other}")
        self.assertIn("no room", reason)
        self.assertIn("--detach", reason)

    def test_a_command_that_a_rule_of_the_user_knows_is_left_to_the_rule(self):
        os.mkdir(self.path(".claude"))
        with open(self.path(".claude/settings.json"), "w") as file:
            json.dump({"permissions": {"ask": ["Bash(make:*)"]}}, file)
        subprocess.run(["git", "init", "-q", self.work], check=True)
        for command in ("make -j8", "timeout 60 make x", "bash -c 'make x'"):
            self.assertEqual(self.hook("claude-code", self.claude(command)), {})
        self.wrapped("pytest")
        # Nor may an allowed `jobward` allow what is in it.
        with open(self.path(".claude/settings.json"), "w") as file:
            json.dump({"permissions": {"allow": ["Bash(jobward:*)"]}}, file)
        self.assertEqual(self.hook("claude-code", self.claude("pytest")), {})

    def test_configured_patterns(self):
        self.config("[hooks]\nheavy = [\"./analyze *\"]\nlight = [\"make quick\"]\n")
        self.assertIn("-- bash -c './analyze x'", self.wrapped("./analyze x"))
        self.assertEqual(self.hook("claude-code", self.claude("make quick")), {})

    def test_a_project_cannot_make_light_what_is_heavy(self):
        subprocess.run(["git", "init", "-q", self.work], check=True)
        with open(self.path(".jobward.toml"), "w") as file:
            file.write("[hooks]\nlight = [\"make *\"]\nheavy = [\"./own *\"]\n")
        self.wrapped("make all")
        self.wrapped("./own x")
        with open(os.path.join(self.state, "hooks/log")) as file:
            self.assertIn("only `heavy` counts", file.read())
        with open(self.path(".jobward.toml"), "w") as file:
            file.write("[hooks\n")
        self.wrapped("make all")


class AfterTest(HookTest):
    def after(self, command, name="PostToolUse", **more):
        return self.hook("claude-code", self.claude(command, name, tool_response={"stdout": ""}, **more))

    def test_what_took_long_is_heavy_from_the_second_time_on(self):
        command = "./unknown --seed 1"
        self.assertEqual(self.hook("claude-code", self.claude(command)), {})
        self.assertEqual(self.after(command, duration_ms=61000), {})
        self.assertIn("jobward run", self.wrapped("./unknown --seed 2"))
        self.after(command, duration_ms=10)
        self.assertEqual(self.hook("claude-code", self.claude(command)), {})

    def test_an_agent_that_tells_no_time_is_timed_by_the_two_events(self):
        self.config("[hooks]\nslow = \"0.2s\"\n")
        # Where a person may be asked in between, the time is not the command's.
        self.assertEqual(self.hook("codex", self.event("codex", "./unknown")), {})
        self.assertFalse(os.path.exists(os.path.join(self.state, "hooks/begun")))
        event = {**self.event("codex", "./unknown"), "permission_mode": "bypassPermissions"}
        self.assertEqual(self.hook("codex", event), {})
        wait_until(lambda: os.listdir(os.path.join(self.state, "hooks/begun")), "the call is noted")
        begun = os.path.join(self.state, "hooks/begun/toolu_1")
        with open(begun) as file:
            at = int(file.read())
        with open(begun, "w") as file:
            file.write(str(at - 5000))
        self.hook("codex", {**self.event("codex", "./unknown"), "hook_event_name": "PostToolUse"})
        self.assertIn("took long", json.dumps(self.hook("codex", self.event("codex", "./unknown"))))

    def test_a_wrapped_one_that_is_quick_again_is_light_again(self):
        command = f"{PYTHON} unknown.py"
        self.script("unknown.py", "pass\n")
        self.after(command, duration_ms=61000)
        wrapped = self.wrapped(command)
        self.shell(wrapped)
        self.after(wrapped)
        self.assertEqual(self.hook("claude-code", self.claude(command)), {})

    def test_a_kill_is_told_with_its_cause(self):
        self.config("[defaults]\nmem = \"64M\"\n")
        self.script("train.py", f"x = bytearray({200 * MIB}); x[::4096] = b'1' * len(x[::4096])\n")
        wrapped = self.wrapped(f"{PYTHON} train.py")
        self.shell(wrapped, expect=137)
        answer = self.after(wrapped, "PostToolUseFailure", error="Exit code 137")
        text = answer["hookSpecificOutput"]["additionalContext"]
        self.assertEqual(answer["hookSpecificOutput"]["hookEventName"], "PostToolUseFailure")
        self.assertIn("memory_limit", text)
        self.assertIn("jobward why", text)
        self.assertNotIn("\n", text)

    def test_a_run_that_ended_well_is_not_worth_a_word(self):
        self.script("train.py", "pass\n")
        wrapped = self.wrapped(f"{PYTHON} train.py")
        self.shell(wrapped)
        self.assertEqual(self.after(wrapped), {})

    def test_an_idle_agent_is_woken_when_its_job_has_ended(self):
        done = self.shell("jobward run --detach --actor agent=claude-code,conversation=s-1 -- sleep 4").strip()
        event = self.claude("", "Stop")
        self.hook("claude-code", event, "--wake", expect=2)
        self.assertIn(done, self.messages)
        self.assertIn("ok", self.messages)
        self.assertEqual(self.hook("claude-code", event, "--wake"), {})

    def test_the_session_is_told_who_it_is(self):
        self.env["CLAUDE_ENV_FILE"] = self.path("env")
        self.hook("claude-code", self.claude("", "SessionStart"))
        out = self.shell(f". {self.path('env')}; echo $JOBWARD_ACTOR")
        self.assertIn("agent=claude-code,conversation=s-1", out)


class ErrorTest(HookTest):
    def test_nonsense_passes_unless_it_is_to_be_denied(self):
        for agent in AGENTS:
            for text in (b"", b"{", b"[]", b"\xff\xfe", b'{"tool_input": 7}', b"null"):
                self.assertEqual(self.hook(agent, text), {})
                self.assertIn("deny", json.dumps(self.hook(agent, text, "--fail-closed")))
        with open(os.path.join(self.state, "hooks/log")) as file:
            self.assertIn("codex", file.read())

    def test_a_broken_configuration_passes_or_denies(self):
        self.config("[hooks]\nheavi = [\"x\"]\n")
        self.assertEqual(self.hook("claude-code", self.claude("make")), {})
        answer = self.hook("claude-code", self.claude("make"), "--fail-closed")["hookSpecificOutput"]
        self.assertIn("did you mean", answer["permissionDecisionReason"])

    def test_a_wrong_command_line_is_never_an_order(self):
        for arguments, status in ((["nobody"], 1), (["claude-code", "--bogus"], 1), ([], 1), (["model"], 2)):
            done = subprocess.run([BINARY, "hook", *arguments], input=b"{}", capture_output=True, env=self.env, timeout=60)
            self.assertEqual((done.returncode, done.stdout), (status, b""), done)  # the model's fails closed

    def test_a_command_with_a_nul_or_of_200_kilobytes(self):
        self.assertEqual(self.hook("claude-code", self.claude("make\0")), {})
        self.assertIn("x" * 90_000, self.wrapped("make " + "x" * 90_000))
        self.assertIn("Write it to a file", self.reason("make " + "x" * 200_000))


class ModelTest(HookTest):
    TIERS = '[models]\norder = ["small", "strong"]\nsmall = ["claude-haiku-*"]\nstrong = ["claude-opus-*"]\n'

    def transcript(self, model):
        with open(self.path("t.jsonl"), "a") as file:
            file.write(json.dumps({"type": "assistant", "message": {"model": model}}) + "\n")

    def judged(self, **more):
        return self.hook("model", self.claude("ls", **more), "--min-tier", "strong").get("hookSpecificOutput", {})

    def test_the_model_that_served_decides(self):
        self.config(self.TIERS)
        self.assertEqual(self.judged()["permissionDecision"], "deny")  # no transcript yet
        self.transcript("claude-haiku-5")
        answer = self.judged()
        self.assertEqual(answer["permissionDecision"], "deny")
        self.assertIn("claude-haiku-5", answer["permissionDecisionReason"])
        self.transcript("claude-opus-5")
        self.transcript("<synthetic>")
        self.assertEqual(self.judged(), {})

    def test_a_denial_is_on_record_and_other_agents_are_unsupported(self):
        self.config(self.TIERS)
        self.transcript("unknown-1")
        self.assertIn("no tier", self.judged()["permissionDecisionReason"])
        entries = json.loads(self.shell("jobward ledger --json --check model:strong"))["entries"]
        self.assertEqual(entries[0]["severity"], "HARD_FAIL")
        answer = self.hook("model", self.event("codex", "ls"), "--min-tier", "strong", "--agent", "codex")
        self.assertIn("unsupported", json.dumps(answer))

    def test_a_subagent_is_judged_by_its_own_transcript(self):
        self.config(self.TIERS)
        self.transcript("claude-opus-5")
        os.makedirs(self.path("t/subagents"))
        with open(self.path("t/subagents/agent-x1.jsonl"), "w") as file:
            file.write(json.dumps({"type": "assistant", "isSidechain": True, "message": {"model": "claude-haiku-5"}}) + "\n")
        command = "jobward run --require-model strong -- make"
        self.assertEqual(self.hook("claude-code", self.claude(command)), {})
        self.assertIn("claude-haiku-5", self.reason(command, agent_id="x1"))

    def test_a_run_can_require_it(self):
        self.config(self.TIERS)
        self.transcript("claude-haiku-5")
        actor = f"agent=claude-code,transcript={self.path('t.jsonl')}"
        run = f"jobward run --require-model strong --actor '{actor}' -- true"
        self.shell(run, expect=77)
        self.transcript("claude-opus-5")
        self.shell(run)
        self.shell("jobward run --require-model strong -- true", expect=77)

    def test_a_transcript_with_a_blank_and_a_comma_in_its_name_is_found(self):
        self.config(self.TIERS)
        self.transcript("claude-opus-5")
        odd = self.path("it's a b, c.jsonl")
        os.rename(self.path("t.jsonl"), odd)
        self.script("train.py", "pass\n")
        wrapped = self.wrapped(f"{PYTHON} train.py", transcript_path=odd)
        self.assertEqual(wrapped.count("jobward run --no-wait"), 1)
        self.shell(wrapped.replace("jobward run", "jobward run --require-model strong", 1))
        self.assertEqual(self.history()[0]["actor"]["claims"]["transcript"]["value"], odd)


if __name__ == "__main__":
    unittest.main()
