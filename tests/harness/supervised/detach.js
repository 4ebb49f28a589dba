// Starts a grandchild in a session of its own that node does not wait for, and stays alive itself.
const { spawn } = require("node:child_process");
spawn("sleep", ["300"], { detached: true, stdio: "ignore" }).unref();
setTimeout(() => {}, 300_000);
