// A server that says how much it was sent; two workers take turns at its port.
const cluster = require("cluster"), http = require("http");

if (cluster.isPrimary) {
  const workers = [cluster.fork(), cluster.fork()];
  let left = workers.length;
  process.on("SIGTERM", () => workers.forEach((worker) => worker.kill("SIGTERM")));
  cluster.on("exit", (worker, code, signal) => {
    console.log("a worker ends:", code, signal);
    if (--left === 0) process.exit(3);
  });
} else {
  const server = http.createServer((request, answer) => {
    let count = 0;
    request.on("data", (data) => (count += data.length));
    request.on("end", () => answer.end(`${count} for ${request.url}\n`));
  });
  server.listen(Number(process.argv[2]), "127.0.0.1");
}
