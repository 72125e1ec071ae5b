// Runs no-op jobs until SIGTERM: work.mjs PORT CONCURRENCY. Then prints {"jobs", "first_ms", "last_ms"}, in Unix time.
import { Worker } from "bullmq";

const [port, concurrency] = process.argv.slice(2).map(Number);
let jobs = 0;
let first = null;
let last = null;
const worker = new Worker("bench", async () => { first ??= Date.now(); },
  { connection: { host: "127.0.0.1", port }, concurrency });
worker.on("completed", () => { jobs += 1; last = Date.now(); });
worker.on("error", (error) => { console.error(error); });
process.on("SIGTERM", async () => {
  await worker.close();
  console.log(JSON.stringify({ jobs, first_ms: first, last_ms: last }));
  process.exit(0);
});
