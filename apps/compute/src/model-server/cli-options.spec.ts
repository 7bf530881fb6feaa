import { readCommandLine, UsageError } from './cli-options.js';

describe('readCommandLine', () => {
  it('reads a command line', () => {
    expect(
      readCommandLine(['--model-repository', 'd', '--http-port', '0', '--load', 'a', '--load', 'b']),
    ).toMatchObject({
      repository: 'd',
      port: 0,
      host: '127.0.0.1',
      metricsPort: 8002,
      load: ['a', 'b'],
      modelControl: 'explicit',
      threads: 1,
    });
    expect(readCommandLine(['--help'])).toBe('help');
  });

  it.each([
    [[]],
    [['--model-repository']],
    [['--nope']],
    [['--model-repository', 'd', '--http-port', '70000']],
    [['--model-repository', 'd', '--threads', 'x']],
    [['--model-repository', 'd', '--model-control-mode', 'poll']],
    [['d']],
  ])('refuses %j in one line', (args: string[]) => {
    expect(() => readCommandLine(args)).toThrow(UsageError);
    expect(() => readCommandLine(args)).toThrow(/^[^\n]+$/);
  });
});
