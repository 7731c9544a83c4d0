// SPDX-License-Identifier: MIT
// mcp_session.mjs - one session of a real MCP client: connects, lists the tools and calls some.
//
// Arguments: the package (sdk or client), how it selects the version (legacy, auto or a version), the URL, and the
// calls as JSON: an array of {params, progress, abort}. `progress` asks for notifications; `abort` cancels the call
// at the first of them. EMAILSD_TEST_KEY is the client key. Prints each notification when it arrives, and last what the
// client saw, as lines of JSON. Both clients check structuredContent against the output schema themselves.
const [name, mode, url, calls] = process.argv.slice(2);

async function load() {
    if (name === "client") return import("@modelcontextprotocol/client");
    return {
        ...(await import("@modelcontextprotocol/sdk/client/index.js")),
        ...(await import("@modelcontextprotocol/sdk/client/streamableHttp.js")),
    };
}

async function call(client, { params, progress, abort }) {
    const seen = [], stop = new AbortController();
    const options = { signal: stop.signal };
    if (progress)
        options.onprogress = (notification) => {
            seen.push(notification);
            console.log(JSON.stringify(notification));
            if (abort) stop.abort();
        };
    try {
        const schema = name === "sdk" ? [undefined] : [];
        return { result: await client.callTool(params, ...schema, options), progress: seen };
    } catch (error) {
        return { error: String(error), progress: seen };
    }
}

const { Client, StreamableHTTPClientTransport } = await load();
const key = process.env.EMAILSD_TEST_KEY;
const transport = new StreamableHTTPClientTransport(new URL(url),
    { requestInit: { headers: key ? { Authorization: `Bearer ${key}` } : {} } });
const negotiation = mode === "legacy" || mode === "auto" ? mode : { pin: mode };
const client = new Client({ name: "emailsd-test", version: "1" }, { versionNegotiation: { mode: negotiation } });
const shown = { calls: [] };
try {
    await client.connect(transport);
    shown.server = client.getServerVersion();
    shown.instructions = client.getInstructions();
    shown.version = client.getNegotiatedProtocolVersion?.() ?? transport.protocolVersion;
    shown.tools = (await client.listTools()).tools;
    for (const one of JSON.parse(calls)) shown.calls.push(await call(client, one));
    await client.close();
} catch (error) {
    shown.error = String(error);
}
console.log(JSON.stringify(shown));
