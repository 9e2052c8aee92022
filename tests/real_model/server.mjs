/* A real model behind OpenAI's chat completions: what the `openai:` path meets when nobody wrote the stream.
 *
 * node server.mjs MODULES WEIGHTS prints {"url": …} when it is ready, serves on a free port of loopback, and ends when
 * its standard input does, so that a test that is killed leaves nothing behind. It knows one model, one sequence at a
 * time, and of a request's fields only messages, temperature, seed, max_tokens and stream_options.
 */
import http from "node:http";
import path from "node:path";
import { pathToFileURL } from "node:url";

const [modules, weights] = process.argv.slice(2);
const entry = path.join(modules, "node-llama-cpp", "dist", "index.js");
const { getLlama, LlamaChatSession, LlamaLogLevel } = await import(pathToFileURL(entry).href);

// One thread: several wait for each other in spin loops, which made a busy machine ten times slower.
const llama = await getLlama({ gpu: false, build: "never", logLevel: LlamaLogLevel.error, maxThreads: 1 });
const model = await llama.loadModel({ modelPath: weights });
const context = await model.createContext({ contextSize: 1024, sequences: 1 });
const sequence = context.getSequence();

const FINISHES = { maxTokens: "length", eogToken: "stop", stopGenerationTrigger: "stop", customStopTrigger: "stop" };

/** All messages but the last one as the session keeps them. */
function history(messages) {
  return messages.map(({ role, content }) =>
    role === "assistant" ? { type: "model", response: [content] } : { type: role, text: content },
  );
}

async function answer(request, response) {
  const asked = JSON.parse(Buffer.concat(await request.toArray()).toString());
  const gone = new AbortController();
  response.on("close", () => gone.abort());
  response.writeHead(200, { "content-type": "text/event-stream" });
  const send = (data) => response.write(`data: ${JSON.stringify({ object: "chat.completion.chunk", ...data })}\n\n`);
  const choice = (delta, finish_reason = null) => ({ choices: [{ index: 0, delta, finish_reason }] });

  // An empty sequence for each answer: equal requests get equal answers.
  await sequence.clearHistory();
  const session = new LlamaChatSession({ contextSequence: sequence, autoDisposeSequence: false });
  const before = sequence.tokenMeter.getState();
  try {
    session.setChatHistory(history(asked.messages.slice(0, -1)));
    send(choice({ role: "assistant", content: "" }));
    const { stopReason } = await session.promptWithMeta(asked.messages.at(-1).content, {
      temperature: asked.temperature ?? 0,
      seed: asked.seed,
      maxTokens: asked.max_tokens,
      signal: gone.signal,
      onTextChunk: (content) => send(choice({ content })),
    });
    send(choice({}, FINISHES[stopReason] ?? "stop"));
    const { usedInputTokens, usedOutputTokens } = sequence.tokenMeter.diff(before);
    if (asked.stream_options?.include_usage) {
      send({ choices: [], usage: { prompt_tokens: usedInputTokens, completion_tokens: usedOutputTokens } });
    }
    response.end("data: [DONE]\n\n");
  } finally {
    session.dispose();
  }
}

// One at a time: the sequence is shared.
let turn = Promise.resolve();
const server = http.createServer((request, response) => {
  if (request.method !== "POST" || request.url !== "/v1/chat/completions") {
    response.writeHead(404, { "content-type": "application/json" });
    response.end(JSON.stringify({ error: { message: `nothing at ${request.url}`, type: "not_found_error" } }));
    return;
  }
  turn = turn
    .then(() => answer(request, response))
    .catch((error) => {
      if (!response.destroyed) console.error(error);
      response.destroy();
    });
});
server.listen(0, "127.0.0.1", () => {
  console.log(JSON.stringify({ url: `http://127.0.0.1:${server.address().port}/v1` }));
});

process.stdin.on("end", () => process.exit(0)).resume();
