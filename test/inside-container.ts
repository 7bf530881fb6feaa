// JavaScript that tests run inside a service's container, by `node -e`.

/** Kills the service's own process with no chance to say anything; whatever holds the container up ends with it. */
export const crash = `const fs = require('node:fs');
for (const pid of fs.readdirSync('/proc').filter((name) => /^\\d+$/.test(name) && Number(name) !== process.pid)) {
  const words = fs.readFileSync('/proc/' + pid + '/cmdline', 'utf8').split('\\0');
  if (words[0] === 'node' && words.includes('service')) process.kill(Number(pid), 'SIGKILL');
}`;

/** What the process is, may do and finds, as JSON. */
export const confinement = `const fs = require('node:fs');
const status = Object.fromEntries(fs.readFileSync('/proc/self/status', 'utf8').split('\\n').map((line) => line.split(/:\\s*/)));
const refusal = (() => { try { fs.writeFileSync('/app/x', ''); return 'written'; } catch (error) { return error.code; } })();
console.log(JSON.stringify({ uid: process.getuid(), capabilities: BigInt('0x' + status.CapBnd) === 0n,
  locked: status.NoNewPrivs, refusal, data: fs.readdirSync('/data').sort(), keys: fs.existsSync('/data/keys') ? fs.readdirSync('/data/keys').sort() : [] }));`;

/** What becomes of a connection from inside a container. */
export const reach = (
  host: string,
  port: number,
) => `const socket = require('node:net').connect({ host: '${host}', port: ${port}, timeout: 3000 });
socket.on('connect', () => { console.log('connected'); process.exit(0); });
for (const event of ['error', 'timeout']) socket.on(event, () => { console.log('no way'); process.exit(0); });`;

/** What this container may take, by the kernel's own account, in either version of control groups. */
export const limits = `const fs = require('node:fs');
const first = (...names) => { for (const name of names) try { return fs.readFileSync('/sys/fs/cgroup/' + name, 'utf8').trim(); } catch { continue; } };
const core = /^Max core file size +(\\d+) +(\\d+)/m.exec(fs.readFileSync('/proc/self/limits', 'utf8'));
console.log(JSON.stringify({ memory: first('memory.max', 'memory/memory.limit_in_bytes'), pids: first('pids.max', 'pids/pids.max'),
  cpu: first('cpu.max', 'cpu/cpu.cfs_quota_us').split(' ')[0], core: [core?.[1], core?.[2]] }));`;

/** Takes more than any service may have. */
export const glutton = 'const all = []; for (;;) all.push(Buffer.alloc(16 * 1024 * 1024, 1));';
