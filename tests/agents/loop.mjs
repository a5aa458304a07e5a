// An agent's whole loop over `jobward mcp`, driven by a real MCP client, every call and answer recorded:
//
//   node loop.mjs --modules DIR --client CLIENT --flow FLOW --cwd DIR --record FILE -- SERVER ARGS...
//
//   CLIENT  sdk      @modelcontextprotocol/sdk 1.32.2: the handshake of 2025-11-25
//           pinned   @modelcontextprotocol/client 2.4.0, which speaks 2026-07-28 and nothing else
//           legacy   the same, with the handshake
//   FLOW    loop     pre-flight, a run that is killed at its memory limit, why, again with what it needs, the data
//                    checked
//           task     one run as a task, followed to its end
//
// DIR of --cwd has features.py (what is run) and contract.toml (what is checked), DIR of --modules is what ./fetch
// prints. FILE gets one JSON object a line; transcript.py makes Markdown of it.
import fs from 'node:fs';
import { register } from 'node:module';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';

const COMMAND = 'python3 features.py';
const TOO_LITTLE = '96M';
const FILES = ['features.py', 'contract.toml'];
const TASKS = 'io.modelcontextprotocol/tasks';

const split = process.argv.indexOf('--');
const [program, ...programArguments] = process.argv.slice(split + 1);
const { values: options } = parseArgs({
  args: process.argv.slice(2, split),
  options: Object.fromEntries(['modules', 'client', 'flow', 'cwd', 'record'].map(name => [name, { type: 'string' }])),
});

// What this file imports lies in another directory.
const base = pathToFileURL(path.join(options.modules, 'index.mjs')).href;
register(`data:text/javascript,${encodeURIComponent(`
export const resolve = (name, context, next) =>
  next(name, context.parentURL === '${import.meta.url}' ? { ...context, parentURL: '${base}' } : context);
`)}`);

const record = entry => fs.appendFileSync(options.record, `${JSON.stringify(entry)}\n`);
const secondsSince = start => Math.round(performance.now() - start) / 1000;

// ---- The clients ------------------------------------------------------------------------------------------------

const server = { command: program, args: programArguments, env: process.env, stderr: 'inherit' };
const self = { name: `jobward-tests-${options.client}`, version: '1' };
const problems = []; // what a client found wrong without failing a call

async function connectSdk() {
  const { Client } = await import('@modelcontextprotocol/sdk/client/index.js');
  const { StdioClientTransport } = await import('@modelcontextprotocol/sdk/client/stdio.js');
  const transport = new StdioClientTransport(server);
  const client = new Client(self, { capabilities: {} });
  let version;
  transport.setProtocolVersion = negotiated => { version = negotiated; };
  client.onerror = error => problems.push(String(error.message ?? error));
  await client.connect(transport, { timeout: 15000 });
  return { client, transport, version, package: '@modelcontextprotocol/sdk 1.32.2' };
}

async function connectClient(mode, capabilities) {
  const { Client } = await import('@modelcontextprotocol/client');
  const { StdioClientTransport } = await import('@modelcontextprotocol/client/stdio');
  const transport = new StdioClientTransport(server);
  const client = new Client(self, { capabilities, versionNegotiation: { mode } });
  client.onerror = error => problems.push(String(error.message ?? error));
  await client.connect(transport, { timeout: 15000 });
  const version = client.getNegotiatedProtocolVersion();
  return { client, transport, version, capabilities, package: '@modelcontextprotocol/client 2.4.0' };
}

async function connect() {
  const capabilities = options.flow === 'task' ? { extensions: { [TASKS]: {} } } : {};
  if (options.client === 'sdk') return connectSdk();
  return connectClient(options.client === 'pinned' ? { pin: '2026-07-28' } : 'legacy', capabilities);
}

async function describe(connection) {
  const { client } = connection;
  const { tools } = await client.listTools(); // from now on both clients hold answers against the output schemas
  record({
    kind: 'client', client: options.client, package: connection.package, protocolVersion: connection.version,
    server: client.getServerVersion(), capabilities: client.getServerCapabilities(),
    instructions: client.getInstructions(), tools,
  });
  return tools;
}

// ---- Calls ------------------------------------------------------------------------------------------------------

async function call({ client }, step, tool, given) {
  const started = performance.now();
  const progress = [];
  const request = { name: tool, arguments: given };
  const settings = {
    onprogress: notice => progress.push({ seconds: secondsSince(started), ...notice }),
    resetTimeoutOnProgress: true, timeout: 60000,
  };
  const answer = await (options.client === 'sdk' ? client.callTool(request, undefined, settings)
    : client.callTool(request, settings));
  record({ kind: 'call', step, tool, arguments: given, seconds: secondsSince(started), progress, ...answer });
  return answer.structuredContent ?? {};
}

// A run that takes longer than one call waits is waited for in further ones.
async function run(connection, step, given) {
  let answer = await call(connection, step, 'run_job', given);
  while (answer.job && !answer.outcome) {
    answer = await call(connection, step, 'wait_job', { job: answer.job, wait_seconds: 45 });
  }
  return answer;
}

async function loop(connection) {
  const { cwd } = options;
  const command = COMMAND;
  await call(connection, 'pre-flight', 'preflight', { command, cwd });
  let last = await run(connection, 'run', { command, cwd, memory_limit: TOO_LITTLE, wait_seconds: 45 });
  await call(connection, 'why', 'explain_job', { job: last.job });
  for (let attempt = 1; attempt <= 3 && last.outcome === 'memory_limit'; ++attempt) {
    const memory_limit = String(last.suggested_memory_limit_bytes);
    last = await run(connection, 'retry', { command, cwd, memory_limit, wait_seconds: 45 });
  }
  await call(connection, 'verify', 'verify_data', { contracts: ['contract.toml'], cwd });
}

// ---- A run as a task --------------------------------------------------------------------------------------------

async function taskOfSdk({ client }, request) {
  const { tasks } = client.experimental;
  const states = [];
  let result;
  for await (const message of tasks.callToolStream(request, undefined, { task: { ttl: 600000 } })) {
    if (message.type === 'error') throw message.error;
    if (message.type === 'result') result = message.result;
    else states.push(message.task);
  }
  const { tasks: listed } = await tasks.listTasks();
  return { states, status: states.at(-1).status, result, listed };
}

// Answers to ext-tasks' own requests are taken off the client's transport before the client sees them: it refuses
// the results of tasks of 2026-07-28. Their ids are texts, the client's are numbers.
function rawDispatch(transport) {
  const waiting = new Map();
  let sent = 0;
  const client = transport.onmessage;
  transport.onmessage = (message, extra) => {
    const answer = message.method ? undefined : waiting.get(message.id);
    if (!answer) return client?.(message, extra);
    waiting.delete(message.id);
    return answer(message.error ? { kind: 'error', error: message.error } : { kind: 'result', result: message.result });
  };
  return request => new Promise((resolve, reject) => {
    const id = `raw-${++sent}`;
    waiting.set(id, resolve);
    transport.send({ jsonrpc: '2.0', id, ...request }).catch(reject);
  });
}

async function taskOfExtension(connection, request, tools) {
  const { client, transport, version, capabilities } = connection;
  const { createTaskSessionFromClient, toolDeclarationFromMcpTool } =
    await import('@modelcontextprotocol/ext-tasks/client');
  const framing = client.getProtocolEra() !== 'modern' ? {} : {
    rawDispatch: rawDispatch(transport),
    v2RequestFraming: { protocolVersion: version, clientInfo: self, clientCapabilities: capabilities },
  };
  const currentTool = name => {
    const tool = tools.find(candidate => candidate.name === name);
    return tool && toolDeclarationFromMcpTool(tool);
  };
  const session = createTaskSessionFromClient(client, { endpointId: 'jobward', tools: { currentTool }, ...framing });
  const execution = await session.callTool(request.name, request.arguments, { task: { preference: 'prefer' } });
  const states = [];
  const onEvent = event => { if (event.type === 'task') states.push(event.task); };
  const { outcome } = await execution.settle({ onEvent });
  await session.close();
  if (outcome.error) throw outcome.error;
  return { execution: execution.kind, states, status: outcome.status, result: outcome.result };
}

async function task(connection, tools) {
  const request = { name: 'run_job', arguments: { command: COMMAND, cwd: options.cwd, memory_limit: '1G' } };
  const started = performance.now();
  const seen = options.client === 'sdk' ? await taskOfSdk(connection, request)
    : await taskOfExtension(connection, request, tools);
  record({ kind: 'task', tool: request.name, arguments: request.arguments, seconds: secondsSince(started), ...seen });
}

// -----------------------------------------------------------------------------------------------------------------

let failed = false;
let connection;
try {
  connection = await connect();
  const tools = await describe(connection);
  for (const name of FILES) {
    record({ kind: 'file', name, content: fs.readFileSync(path.join(options.cwd, name), 'utf8') });
  }
  await (options.flow === 'task' ? task(connection, tools) : loop(connection));
} catch (error) {
  failed = true;
  console.error(error);
  record({ kind: 'error', message: String(error.message ?? error), code: error.code, data: error.data });
}
await connection?.client.close();
record({ kind: 'end', problems });
process.exit(failed ? 1 : 0);
