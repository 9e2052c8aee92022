// The yardstick of fanout.py: Node's `ws`, sending each message to every client in a loop, as its documentation shows.
// Speaks the same JSON lines over stdin and stdout as the plait side.
import { createRequire } from "node:module";
import { createInterface } from "node:readline";

const require = createRequire(new URL("../clients/package.json", import.meta.url));
const { WebSocketServer } = require("ws");

const PAYLOAD_BYTES = 43; // As long as a sync update frame with 40 bytes, the plait side's.
const ROUNDS_PER_TURN = 4;

const server = new WebSocketServer({ port: 0, host: "127.0.0.1", perMessageDeflate: false });
server.on("listening", () => say({ port: server.address().port }));
server.on("connection", (socket) => socket.on("message", () => {}));

function say(value) {
  process.stdout.write(JSON.stringify(value) + "\n");
}

function message() {
  const bytes = Buffer.alloc(PAYLOAD_BYTES);
  bytes.writeBigInt64BE(process.hrtime.bigint(), PAYLOAD_BYTES - 40);
  return bytes;
}

function publish() {
  const bytes = message();
  for (const client of server.clients) client.send(bytes, { binary: true });
}

const turn = () => new Promise((resolve) => setImmediate(resolve));
const pause = () => new Promise((resolve) => setTimeout(resolve, 1));
const backedUp = () => [...server.clients].some((client) => client.bufferedAmount > 0);

async function flat(seconds) {
  const [cpu, began] = [process.cpuUsage(), performance.now()];
  let rounds = 0;
  while (performance.now() - began < seconds * 1000) {
    for (let round = 0; round < ROUNDS_PER_TURN; round++, rounds++) publish();
    await turn();
    while (backedUp()) await pause();
  }
  const { user, system } = process.cpuUsage(cpu);
  say({ rounds, seconds: (performance.now() - began) / 1000, cpu_s: (user + system) / 1e6 });
}

async function paced(interval_s, rounds) {
  for (let round = 0; round < rounds; round++) {
    publish();
    await new Promise((resolve) => setTimeout(resolve, interval_s * 1000));
  }
  say({ rounds });
}

for await (const line of createInterface({ input: process.stdin })) {
  const { flat: seconds, paced: interval, rounds } = JSON.parse(line);
  if (seconds) await flat(seconds);
  else if (interval) await paced(interval, rounds);
}
process.exit(0);
