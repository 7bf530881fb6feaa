import { spawn } from 'node:child_process';
import {
  chmodSync,
  copyFileSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  statfsSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import {
  findTriton,
  isRunning,
  LocalServiceError,
  startTriton,
  type TritonInstallation,
  type TritonInstallationRecord,
  tritonFolder,
  tritonLayout,
} from '#local-services';
import { installationKey, pythonVersion, requirements, tritonVersion, wheels } from './pins.js';
import { findPython, type Python } from './python.js';

export interface SetUpOptions {
  /** The project's folder. */
  readonly root: string;
  readonly onProgress: (line: string) => void;
  /** Where interpreters are looked for; the process's PATH when absent. */
  readonly path?: string;
  /** Ends what is being downloaded or unpacked; nothing half done stays. */
  readonly signal?: AbortSignal;
}

/** Wheels, what they unpack to, and some air. */
const neededBytes = 600 * 2 ** 20;
const downloadTimeoutMs = 15 * 60_000;

/**
 * Puts a Triton for the processor into `<root>/.watershed/triton`, unless it is there already, and touches nothing else.
 * It gets its name when it is whole and has run once, so that a set-up may be interrupted at any instant.
 * @throws LocalServiceError `triton_unavailable` or `disk_full`, one line that says what is lacking and what to do.
 */
export async function setUpTriton(options: SetUpOptions): Promise<TritonInstallation> {
  const { root, onProgress } = options;
  if (process.platform !== 'linux' || process.arch !== 'x64')
    throw unavailable(
      `Triton can be set up on Linux with a 64-bit x86 processor; this is ${process.platform} ${process.arch}. Name one that runs elsewhere with TRITON_URL.`,
    );
  const backend = readFileSync(join(root, 'scripts', 'triton', 'onnxruntime', 'model.py'));
  const folder = tritonFolder(root);
  const present = findTriton(folder);
  // The interpreter that it was made with is part of its name: asking for it again costs nothing.
  if (present && present.key === installationKey(backend, interpreterOf(present))) return present;
  const python = findPython(options.path);
  onProgress(`Triton: Python ${pythonVersion} found (${python.executable})`);
  const record = {
    key: installationKey(backend, python.executable),
    version: tritonVersion,
    pythonLibraries: python.libraries,
  };
  try {
    mkdirSync(folder, { recursive: true, mode: 0o755 });
    const { bavail, bsize } = statfsSync(folder);
    if (bavail * bsize < neededBytes) throw full(folder);
    removeLeftovers(folder, record.key);
    await assemble({ folder, record, python, backend, onProgress, signal: options.signal });
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOSPC') throw full(folder, error);
    if (code === 'EACCES' || code === 'EPERM' || code === 'EROFS')
      throw unavailable(`${folder} cannot be written (${code}): Triton is set up there and nowhere else.`, error);
    throw error;
  }
  const done = findTriton(folder);
  if (!done) throw unavailable(`${folder} is not whole after the set-up: remove it and try again.`);
  onProgress(`Triton ${tritonVersion} is set up`);
  return done;
}

interface Assembly {
  readonly folder: string;
  readonly record: TritonInstallationRecord;
  readonly python: Python;
  readonly backend: Uint8Array;
  readonly onProgress: (line: string) => void;
  readonly signal: AbortSignal | undefined;
}

async function assemble({ folder, record, python, backend, onProgress, signal }: Assembly): Promise<void> {
  const draft = `draft-${process.pid}`;
  const layout = tritonLayout(folder, { ...record, key: draft });
  rmSync(layout.folder, { recursive: true, force: true });
  mkdirSync(layout.folder, { recursive: true });
  try {
    const downloads = join(layout.folder, 'downloads');
    onProgress(
      `Triton: downloading ${wheels.map(({ name, version }) => `${name} ${version}`).join(', ')} (95 MB, once) …`,
    );
    await download(python, downloads, signal);
    onProgress('Triton: unpacking …');
    const server = join(layout.folder, 'server');
    const packages = join(layout.folder, 'python', 'lib', `python${pythonVersion}`, 'site-packages');
    for (const file of readdirSync(downloads)) {
      const target = file.startsWith('nvidia_pytriton') ? server : packages;
      await pythonRuns(
        python,
        ['-m', 'zipfile', '-e', join(downloads, file), target],
        'unpack what was downloaded',
        signal,
      );
    }
    rmSync(downloads, { recursive: true });
    linkInterpreter(layout, python);
    placeBackends(layout, backend);
    onProgress('Triton: starting it once …');
    await tryOut(layout);
    const final = join(folder, record.key);
    // Whoever set the same one up at the same time was as right as we are.
    if (findTriton(folder)?.key === record.key) return;
    rmSync(final, { recursive: true, force: true });
    renameSync(layout.folder, final);
    const file = join(folder, 'installation.json');
    writeFileSync(`${file}.${process.pid}`, `${JSON.stringify(record, null, 2)}\n`, { flush: true });
    renameSync(`${file}.${process.pid}`, file);
  } finally {
    rmSync(layout.folder, { recursive: true, force: true });
  }
}

/** By pip and so by its settings: an index or mirror that the operator configured is used. */
async function download(python: Python, folder: string, signal?: AbortSignal): Promise<void> {
  mkdirSync(folder, { recursive: true });
  const list = join(folder, '..', 'requirements.txt');
  writeFileSync(list, requirements());
  const args = ['-m', 'pip', 'download', '--quiet', '--no-input', '--disable-pip-version-check', '--no-cache-dir'];
  const { code, complaint } = await run(
    python.executable,
    [...args, '--no-deps', '--only-binary=:all:', '--require-hashes', '--retries', '2', '-r', list, '-d', folder],
    { timeoutMs: downloadTimeoutMs, temporary: dirname(list), signal },
  );
  if (code === 0) return;
  if (/No space left on device/.test(complaint)) throw full(folder);
  const errors = complaint.split('\n').filter((line) => line.startsWith('ERROR:'));
  const reason = (errors[0] ?? complaint.trim().split('\n').at(-1) ?? '').replace(/^ERROR: */, '').slice(0, 300);
  throw unavailable(
    `pip could not get Triton's packages (${reason}): see that pip reaches a package index, or name a Triton that runs with TRITON_URL.`,
  );
}

/**
 * A virtual environment in three parts, without the module that makes one: Triton's processes find their interpreter and
 * their packages by the `python3` that comes first on their PATH, and read no variable.
 */
function linkInterpreter({ pythonBin }: TritonInstallation, { executable }: Python): void {
  mkdirSync(pythonBin, { recursive: true });
  symlinkSync(executable, join(pythonBin, 'python3'));
  writeFileSync(
    join(pythonBin, '..', 'pyvenv.cfg'),
    `home = ${dirname(executable)}\ninclude-system-site-packages = false\n`,
  );
}

const interpreterOf = ({ pythonBin }: TritonInstallation): string => readlinkSync(join(pythonBin, 'python3'));

function placeBackends({ command, backends }: TritonInstallation, backend: Uint8Array): void {
  const shipped = join(dirname(command), '..');
  chmodSync(command, 0o755);
  const python = join(backends, 'python');
  mkdirSync(python, { recursive: true });
  for (const file of readdirSync(join(shipped, 'backends', 'python')))
    copyFileSync(join(shipped, 'backends', 'python', file), join(python, file));
  const stub = join(python, 'triton_python_backend_stub');
  copyFileSync(join(shipped, 'python_backend_stubs', pythonVersion, 'triton_python_backend_stub'), stub);
  chmodSync(stub, 0o755);
  mkdirSync(join(backends, 'onnxruntime'));
  writeFileSync(join(backends, 'onnxruntime', 'model.py'), backend);
}

/** A model that loads proves server, stub, interpreter, packages and backend at once. */
async function tryOut(installation: TritonInstallation): Promise<void> {
  const folder = join(installation.folder, 'trial');
  const models = join(folder, 'models');
  mkdirSync(join(models, 'trial', '1'), { recursive: true });
  // Refused by ONNX Runtime, and by nothing before it.
  writeFileSync(join(models, 'trial', '1', 'model.onnx'), 'no model');
  writeFileSync(
    join(models, 'trial', 'config.pbtxt'),
    'backend: "onnxruntime" input { name: "X" data_type: TYPE_FP32 dims: [1] } output { name: "Y" data_type: TYPE_FP32 dims: [1] }',
  );
  let said: string;
  try {
    const server = await startTriton({ installation, modelRepository: models, folder, stopGraceMs: 3_000 });
    try {
      const answer = await fetch(`${server.url}/v2/repository/models/trial/load`, {
        method: 'POST',
        signal: AbortSignal.timeout(60_000),
      });
      said = await answer.text();
    } finally {
      await server.stop();
    }
  } catch (error) {
    const reason = error instanceof Error ? error.message.slice(0, 400) : String(error);
    throw unavailable(`Triton was unpacked and does not run on this machine: ${reason}`, error);
  }
  rmSync(folder, { recursive: true, force: true });
  if (!said.includes('ONNXRuntimeError'))
    throw unavailable(`Triton runs and cannot load models on this machine: ${said.slice(0, 400)}`);
}

/** Drafts of set-ups that were killed, and what an older set-up made that nothing runs from any more. */
function removeLeftovers(folder: string, key: string): void {
  const inUse = new Set(
    readdirSync('/proc').flatMap((pid) => {
      try {
        return /^\d+$/.test(pid) ? [readlinkSync(`/proc/${pid}/exe`)] : [];
      } catch {
        return []; // ended meanwhile, or another user's
      }
    }),
  );
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    if (!entry.isDirectory() || entry.name === key) continue;
    const owner = /^draft-(\d+)$/.exec(entry.name)?.[1];
    const own = join(folder, entry.name, '/');
    if (owner !== undefined ? isRunning(Number(owner)) : [...inUse].some((file) => file.startsWith(own))) continue;
    rmSync(own, { recursive: true, force: true });
  }
}

async function pythonRuns(
  python: Python,
  args: readonly string[],
  purpose: string,
  signal?: AbortSignal,
): Promise<void> {
  const { code, complaint } = await run(python.executable, args, { timeoutMs: 120_000, signal });
  if (code === 0) return;
  if (/No space left on device/.test(complaint)) throw full(purpose);
  throw unavailable(`Python could not ${purpose}: ${complaint.trim().split('\n').at(-1) ?? ''}`);
}

/** Not in this process's hands to block: `npm start` shows progress and hears Ctrl-C meanwhile. */
function run(
  command: string,
  args: readonly string[],
  { timeoutMs, temporary, signal }: { timeoutMs: number; temporary?: string; signal?: AbortSignal },
): Promise<{ code: number | null; complaint: string }> {
  return new Promise((resolve) => {
    const child = spawn(command, [...args], {
      stdio: ['ignore', 'ignore', 'pipe'],
      timeout: timeoutMs,
      signal,
      // A private index asks for a password where it is not configured; nobody is there to answer.
      env: { ...process.env, ...(temporary === undefined ? {} : { TMPDIR: temporary }), PIP_USER: '0' },
    });
    let complaint = '';
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      complaint = (complaint + text).slice(-16_384);
    });
    child.once('error', (error) => resolve({ code: null, complaint: error.message }));
    child.once('close', (code) => resolve({ code, complaint }));
  });
}

const unavailable = (message: string, cause?: unknown) =>
  new LocalServiceError('triton_unavailable', message, { cause });
const full = (folder: string, cause?: unknown) =>
  new LocalServiceError('disk_full', `Setting up Triton in ${folder} takes 600 MB of free disk: make room.`, { cause });
