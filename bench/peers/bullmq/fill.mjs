// Adds so many no-op jobs: fill.mjs PORT JOBS.
import { Queue } from "bullmq";

const [port, total] = process.argv.slice(2).map(Number);
const queue = new Queue("bench", { connection: { host: "127.0.0.1", port } });
for (let left = total; left > 0; left -= 500) {
  await queue.addBulk(Array.from({ length: Math.min(left, 500) }, () => ({ name: "noop", data: {} })));
}
await queue.close();
