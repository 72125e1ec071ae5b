// Adds no-op jobs in bulk for some seconds: add.mjs PORT SECONDS JOBS_A_CALL CALLS_IN_FLIGHT. Prints {"jobs", "seconds"}.
import { Queue } from "bullmq";

const [port, seconds, chunk, inFlight] = process.argv.slice(2).map(Number);
const queue = new Queue("bench", { connection: { host: "127.0.0.1", port } });
await queue.waitUntilReady();
const bulk = Array.from({ length: chunk }, () => ({ name: "noop", data: {} }));
const began = performance.now();
let jobs = 0;
await Promise.all(Array.from({ length: inFlight }, async () => {
  while (performance.now() - began < seconds * 1000) {
    jobs += (await queue.addBulk(bulk)).length;
  }
}));
console.log(JSON.stringify({ jobs, seconds: (performance.now() - began) / 1000 }));
await queue.close();
