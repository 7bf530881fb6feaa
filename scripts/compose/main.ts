import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { checkAll, checkProcesses } from './check.js';
import { ComposeError } from './compose.errors.js';
import { fixedProcessLimits, localFile } from './process-limits.js';
import { imagesOf, releaseFile } from './release.js';
import { writeSecrets } from './secrets.js';

const help = `Usage: npm run compose -- secrets [--file docker/.env]
       npm run compose -- check [--file docker/.env]
       npm run compose -- local [--file docker/compose.local.yml]
       npm run compose -- release [--engine docker|podman] [--no-pull] [--gpu] [--monitoring]
                                  [--file docker/compose.release.yml]

  secrets   writes the settings of the compose stack with fresh secrets, or fills in those that are missing
  check     says what this machine or these settings lack for the stack
  local     writes a compose file for an engine that cannot raise its own limits, as inside a container
  release   pulls every image that compose.yml names by tag, and writes a compose file that names it by digest
`;

const localComposeFile = 'docker/compose.local.yml';
const root = join(dirname(fileURLToPath(import.meta.url)), '../../..');

function engine(command: string, args: readonly string[]): string {
  const result = spawnSync(command, [...args], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
  if (result.error)
    throw new ComposeError(`${command} cannot be run (${result.error.message}): name another with --engine.`);
  if (result.status !== 0)
    throw new ComposeError(`${command} ${args.join(' ')}: ${result.stderr.trim().split('\n').pop() || 'failed'}`);
  return result.stdout.trim();
}

async function main(): Promise<number> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    allowNegative: true,
    options: {
      file: { type: 'string' },
      engine: { type: 'string', default: 'docker' },
      pull: { type: 'boolean', default: true },
      gpu: { type: 'boolean', default: false },
      monitoring: { type: 'boolean', default: false },
      help: { type: 'boolean' },
    },
  });
  const [command] = positionals;
  if (values.help || !['secrets', 'check', 'local', 'release'].includes(command ?? '')) {
    process.stdout.write(help);
    return values.help ? 0 : 2;
  }
  const shown = (file: string) => relative(process.cwd(), file);
  if (command === 'secrets') {
    const file = resolve(root, values.file ?? 'docker/.env');
    const made = writeSecrets(file, join(root, 'docker/.env.example'));
    console.log(
      made.length > 0 ? `${shown(file)}: made ${made.join(', ')}` : `${shown(file)} is complete; nothing was changed`,
    );
    return 0;
  }
  if (command === 'check') {
    const file = resolve(root, values.file ?? 'docker/.env');
    const checked = [
      ...(await checkAll(file, shown(file), (name, args) => {
        const { status, stdout } = spawnSync(name, [...args], { encoding: 'utf8', timeout: 20_000 });
        return status === 0 ? stdout : undefined;
      })),
    ];
    const local = resolve(root, localComposeFile);
    checked.push(checkProcesses(checked[0]?.found, shown(local), existsSync(local)));
    for (const { what, found, fault } of checked) console.log(`${fault ? '✗' : '✓'} ${what}: ${fault ?? found}`);
    return checked.some(({ fault }) => fault) ? 1 : 0;
  }
  const composeFile = readFileSync(join(root, 'docker/compose.yml'), 'utf8');
  if (command === 'local') {
    const limits = fixedProcessLimits();
    if (!limits) {
      console.log('An engine of this machine may raise its limits: there is nothing to write.');
      return 0;
    }
    const file = resolve(root, values.file ?? localComposeFile);
    writeFileSync(file, localFile(composeFile, limits));
    console.log(`${shown(file)}: at most ${limits.hard} processes a container; name it by a second -f`);
    return 0;
  }
  const images = imagesOf(composeFile).filter(
    ({ variable }) =>
      (values.gpu || variable !== 'TRITON_IMAGE') && (values.monitoring || variable !== 'PROMETHEUS_IMAGE'),
  );
  const text = releaseFile(images, (tag) => {
    if (values.pull) engine(values.engine, ['pull', '--quiet', tag]);
    return engine(values.engine, ['image', 'inspect', '--format', '{{index .RepoDigests 0}}', tag]);
  });
  const file = resolve(root, values.file ?? 'docker/compose.release.yml');
  writeFileSync(file, text);
  console.log(`${shown(file)}: ${images.length} images by digest`);
  return 0;
}

try {
  process.exitCode = await main();
} catch (error) {
  const usage = String((error as { code?: unknown }).code).startsWith('ERR_PARSE_ARGS');
  const known = error instanceof ComposeError || usage;
  process.stderr.write(`compose: ${known && error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
}
