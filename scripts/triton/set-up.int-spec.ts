import { chmod, cp, mkdir, mkdtemp, readdir, readFile, realpath, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { findTriton, tritonFolder } from '#local-services';
import { optionalTool } from '#testing';
import { setUpTriton } from './set-up.js';

const project = join(dirname(fileURLToPath(import.meta.url)), '..', '..');
const elsewhere = process.platform !== 'linux' || process.arch !== 'x64';

describe('setting a Triton up', () => {
  let root: string;
  let lines: string[];

  beforeEach(async () => {
    root = await realpath(await mkdtemp(join(tmpdir(), 'watershed-triton-setup-')));
    const backend = join('scripts', 'triton', 'onnxruntime');
    await cp(join(project, backend), join(root, backend), { recursive: true });
    lines = [];
  });
  afterEach(() => rm(root, { recursive: true, force: true }));

  const setUp = (path: string) => setUpTriton({ root, path, onProgress: (line) => lines.push(line) });
  /** A program named as an interpreter is, which says this of itself and ends every command like that. */
  const interpreter = async (told: object, complaint = '') => {
    const bin = join(root, 'bin');
    const file = join(bin, 'python3.11');
    await mkdir(bin);
    const said = JSON.stringify({ version: '3.11', executable: file, libraries: '/lib', pip: true, ...told });
    await writeFile(
      file,
      `#!/bin/sh\n[ "$1" = -c ] && { echo '${said}'; exit; }\necho 'noise\n${complaint}' >&2; exit 1\n`,
    );
    await chmod(file, 0o755);
    return bin;
  };
  const refusal = (code: string, message: RegExp) => ({ code, message: expect.stringMatching(message) });

  it.each([
    ['no Python 3.11', { version: '3.12' }, /needs Python 3\.11, and none is on the PATH: install it/],
    ['no pip', { pip: false }, /needs pip, and .* has none: install it/],
    ['no libpython', { libraries: null }, /needs libpython3\.11\.so, .* without a shared library: install it/],
  ])('says in one line that there is %s', async (_, told, message) => {
    if (elsewhere) return expect(setUp('')).rejects.toMatchObject(refusal('triton_unavailable', /Linux/));
    await expect(setUp(await interpreter(told))).rejects.toMatchObject(refusal('triton_unavailable', message));
    expect(await readdir(root)).not.toContain('.watershed');
  });

  if (elsewhere) return;
  describe('with an interpreter', () => {
    it('says in one line why pip got nothing, and leaves nothing half done', async () => {
      const path = await interpreter({}, 'ERROR: No matching distribution found for nvidia-pytriton==0.7.0');
      await mkdir(join(tritonFolder(root), 'draft-4194304', 'server'), { recursive: true });
      await expect(setUp(path)).rejects.toMatchObject(
        refusal(
          'triton_unavailable',
          /^pip could not get .* \(No matching distribution found .*\): see that pip reaches/,
        ),
      );
      expect(lines).toEqual([expect.stringMatching(/3\.11 found/), expect.stringMatching(/^Triton: downloading/)]);
      expect(await readdir(tritonFolder(root))).toEqual([]);
      expect(findTriton(tritonFolder(root))).toBeUndefined();
    });

    it('ends at once when it is told to, and leaves nothing half done', async () => {
      const path = await interpreter({});
      await writeFile(
        join(path, 'python3.11'),
        `${(await readFile(join(path, 'python3.11'), 'utf8')).replace(/echo 'noise.*/s, 'exec sleep 60')}\n`,
      );
      const stop = new AbortController();
      const setting = setUpTriton({
        root,
        path,
        signal: stop.signal,
        onProgress: () => setImmediate(() => stop.abort()),
      });
      await expect(setting).rejects.toMatchObject({ code: 'triton_unavailable' });
      expect(await readdir(tritonFolder(root))).toEqual([]);
    }, 10_000);

    it('says that the disk is full', async () => {
      const path = await interpreter({}, 'OSError: [Errno 28] No space left on device');
      await expect(setUp(path)).rejects.toMatchObject(refusal('disk_full', /takes 600 MB of free disk/));
    });
  });
});

const absence = findTriton(tritonFolder(project)) ? undefined : 'none is set up; npm run -s triton -- setup does';
optionalTool('triton', absence).describe('a Triton that is set up', () => {
  it('is not set up again, and needs no Python on the PATH any more', async () => {
    const lines: string[] = [];
    const found = await setUpTriton({ root: project, path: '', onProgress: (line) => lines.push(line) });
    expect(found).toEqual(findTriton(tritonFolder(project)));
    expect(lines).toEqual([]);
  });
});
