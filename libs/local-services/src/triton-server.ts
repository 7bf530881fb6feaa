import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { freePort, until } from './free-port.js';
import { startGuarded } from './guarded-process.js';
import { LocalServiceError } from './local-service-error.js';
import { logTail } from './log-tail.js';
import { stopOrphan } from './orphans.js';
import type { LocalService } from './redis-server.js';
import type { TritonInstallation } from './triton-installation.js';

export interface StartTritonOptions {
  readonly installation: TritonInstallation;
  /** Read by the server; nothing of it is loaded until someone asks. */
  readonly modelRepository: string;
  /** Of this server alone: its process id, its log, its temporary files. */
  readonly folder: string;
  /** Free ones where they are not given. */
  readonly port?: number;
  readonly metricsPort?: number;
  readonly startTimeoutMs?: number;
  /** From the stop signal to the kill. What is under way is answered meanwhile. */
  readonly stopGraceMs?: number;
  /** Does not keep this process alive; the server ends with it all the same. */
  readonly background?: boolean;
}

export interface LocalTriton extends LocalService {
  readonly metricsUrl: string;
  /** The server's own process: the parent of its models' processes, and the leader of their group. */
  readonly serverPid: number;
}

export const tritonLogFile = (folder: string): string => join(folder, 'triton.log');

/** Regions of shared memory carry it in their names, so that those of a killed process can be found again. */
export const tritonSharedMemoryPrefix = (modelRepository: string): string =>
  `watershed-triton-${createHash('sha256').update(modelRepository).digest('hex').slice(0, 12)}-`;

/**
 * Starts a Triton on the loopback interface, on the processor, that ends with this process, whatever ends it, and with
 * all its models' processes. It sees nothing of our environment: it runs other people's models.
 */
export async function startTriton(options: StartTritonOptions): Promise<LocalTriton> {
  const { installation, modelRepository, folder, startTimeoutMs = 30_000, stopGraceMs = 5_000 } = options;
  const temporary = join(folder, 'tmp');
  const pidFile = join(folder, 'triton.pid');
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  stopOrphan(pidFile, 'tritonserver');
  rmSync(temporary, { recursive: true, force: true });
  mkdirSync(temporary, { mode: 0o700 });
  const sharedMemoryPrefix = tritonSharedMemoryPrefix(modelRepository);
  sweep(sharedMemoryPrefix);
  const port = options.port ?? (await freePort());
  const metricsPort = options.metricsPort ?? (await freePort());
  const logFile = tritonLogFile(folder);
  rmSync(pidFile, { force: true });
  // Why the one before died may stand in it.
  if (existsSync(logFile)) renameSync(logFile, `${logFile}.1`);
  const child = startGuarded({
    command: installation.command,
    args: [
      `--model-repository=${modelRepository}`,
      `--backend-directory=${installation.backends}`,
      '--model-control-mode=explicit',
      ...['--http-address=127.0.0.1', `--http-port=${port}`],
      ...['--metrics-address=127.0.0.1', `--metrics-port=${metricsPort}`],
      ...['--allow-grpc=false', '--allow-gpu-metrics=false'],
      `--exit-timeout-secs=${Math.max(1, Math.floor(stopGraceMs / 1_000))}`,
      `--backend-config=python,shm-region-prefix-name=${sharedMemoryPrefix}`,
    ],
    env: {
      PATH: `${installation.pythonBin}:/usr/bin:/bin`,
      LD_LIBRARY_PATH: installation.libraryPath,
      LANG: 'C.UTF-8',
      TMPDIR: temporary,
    },
    cwd: folder,
    logFile,
    stopSignal: 'TERM',
    hardSignal: 'KILL',
    graceMs: stopGraceMs,
    background: options.background,
    ownGroup: true,
    sharedMemoryPrefix,
    pidFile,
  });
  const url = `http://127.0.0.1:${port}`;
  const up = await until(
    () => answers(`${url}/v2/health/ready`),
    startTimeoutMs,
    () => child.hasExited(),
  );
  const serverPid = existsSync(pidFile) ? Number.parseInt(readFileSync(pidFile, 'utf8'), 10) : Number.NaN;
  if (!up || !Number.isInteger(serverPid)) {
    await child.stop();
    throw new LocalServiceError('service_failed', `Triton did not start: ${logTail(logFile)}`);
  }
  const metricsUrl = `http://127.0.0.1:${metricsPort}/metrics`;
  return { url, metricsUrl, serverPid, process: child, stop: () => child.stop() };
}

async function answers(url: string): Promise<boolean> {
  try {
    return (await fetch(url, { signal: AbortSignal.timeout(1_000) })).ok;
  } catch {
    return false; // not yet, or never: the caller has a deadline
  }
}

function sweep(prefix: string): void {
  if (!existsSync('/dev/shm')) return;
  for (const name of readdirSync('/dev/shm'))
    if (name.startsWith(prefix)) rmSync(join('/dev/shm', name), { force: true });
}
