// Loaded before the conformance suite (0.1.16), which by itself neither starts on Node 20 nor can test our server:
//
//   MCP_TOKEN=... MCP_ALIAS=... node --import ./conformance_preload.mjs .../conformance/dist/index.js server ...
//
// 1. It imports fs.globSync, which came with Node 22, for a sub-command that is not used here: the name is taken out of
//    the import.
// 2. It has no option for a header. MCP_TOKEN is sent as "Authorization: Bearer ..." with each of its requests.
// 3. Its scenarios call tools of a fixture server. MCP_ALIAS, {"their tool": {"name": "ours", "arguments": {...}}},
//    makes those calls of a real tool: what the scenario demands is then demanded of that.
import http from 'node:http';
import { createRequire, register } from 'node:module';
import { pathToFileURL } from 'node:url';

const hook = `
export async function load(url, context, next) {
  const loaded = await next(url, context);
  if (!url.includes('/@modelcontextprotocol/conformance/dist/index.js')) return loaded;
  const source = Buffer.from(loaded.source).toString('utf8');
  return { ...loaded, source: source.replace(/\\bglobSync( as [\\w$]+)?,/, '') };
}`;
register(`data:text/javascript,${encodeURIComponent(hook)}`);

const token = process.env.MCP_TOKEN;
const aliases = JSON.parse(process.env.MCP_ALIAS ?? '{}');

function parsed(body) {
  try {
    return JSON.parse(body);
  } catch {
    return undefined;
  }
}

// The options of a fetch() whose body calls a tool that has an alias; others as they are.
function renamed(options) {
  const message = parsed(options.body);
  const alias = message?.method === 'tools/call' ? aliases[message.params?.name] : undefined;
  if (!alias) return options;
  const headers = new Headers(options.headers);
  if (headers.has('mcp-name')) headers.set('mcp-name', alias.name);
  return { ...options, headers, body: JSON.stringify({ ...message, params: { ...message.params, ...alias } }) };
}

function authorised(target, options) {
  if (!token) return options;
  const headers = new Headers(options.headers ?? (target instanceof Request ? target.headers : undefined));
  headers.set('authorization', `Bearer ${token}`);
  return { ...options, headers };
}

const plainFetch = globalThis.fetch;
globalThis.fetch = (target, options = {}) => plainFetch(target, authorised(target, renamed(options)));

if (token) {
  const undici = createRequire(pathToFileURL(process.argv[1]))('undici');
  const plainRequest = undici.request;
  undici.request = (target, options = {}) =>
    plainRequest(target, { ...options, headers: { ...options.headers, authorization: `Bearer ${token}` } });

  const plainHttpRequest = http.request;
  http.request = (...given) => {
    const request = plainHttpRequest.apply(http, given);
    if (!request.headersSent && !request.hasHeader('authorization')) {
      request.setHeader('authorization', `Bearer ${token}`);
    }
    return request;
  };
}
