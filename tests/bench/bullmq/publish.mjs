// Jobs that are due, each an HTTP call to the sink: publish.mjs REDIS-SOCKET PORT COUNT PERIOD_MS LEAD_MS. A period of 0: all at once.
// The sink measures. Needs NODE_PATH-like resolution from the folder it is run in.
import http from "node:http";
import { createRequire } from "node:module";

const { Queue, Worker } = createRequire(process.cwd() + "/")("bullmq");
const [socket, port, count, period, lead] = [process.argv[2], ...process.argv.slice(3).map(Number)];
const connection = { path: socket, maxRetriesPerRequest: null };
const agent = new http.Agent({ keepAlive: true, maxSockets: 64 });
const queue = new Queue("bench", { connection });

function call(data) {
  return new Promise((resolve, reject) => {
    const body = JSON.stringify(data);
    const r = http.request({ port, agent, method: "POST", path: "/x", headers: { "content-type": "application/json", "content-length": Buffer.byteLength(body) } },
      (res) => res.resume().on("end", resolve));
    r.on("error", reject);
    r.end(body);
  });
}

const start = Date.now() + lead;
const jobs = [];
for (let i = 0; i < count; i++) {
  const due = start + Math.round(i * period);
  jobs.push({ name: "post", data: { text: `due=${due} ` + "x".repeat(430) }, opts: { delay: Math.max(0, due - Date.now()), removeOnComplete: true } });
}
for (let i = 0; i < count; i += 1000) await queue.addBulk(jobs.slice(i, i + 1000));
if (Date.now() > start) console.error("bullmq: adding took longer than the lead; lateness is not to be read");
let done = 0;
const worker = new Worker("bench", (job) => call(job.data), { connection, concurrency: 64 });
worker.on("completed", async () => {
  if (++done < count) return;
  await worker.close();
  await queue.close();
  process.exit(0);
});
