/** What a person sees while the cluster starts and runs: plain lines, and a spinner-free progress that logs well. */
export class Screen {
  private readonly began = performance.now();

  constructor(private readonly out: NodeJS.WritableStream = process.stdout) {}

  progress(line: string): void {
    this.out.write(`  ${((performance.now() - this.began) / 1000).toFixed(1).padStart(5)} s  ${line}\n`);
  }

  line(text = ''): void {
    this.out.write(`${text}\n`);
  }

  problem(text: string): void {
    process.stderr.write(`watershed: ${text}\n`);
  }

  /** Two columns with a frame of lines; the widest cell of each column decides. */
  table(rows: readonly (readonly [string, string])[]): void {
    const left = Math.max(...rows.map(([name]) => name.length));
    const right = Math.max(...rows.map(([, value]) => value.length));
    const rule = (a: string, b: string, c: string) => `${a}${'─'.repeat(left + 2)}${b}${'─'.repeat(right + 2)}${c}`;
    this.line(rule('┌', '┬', '┐'));
    for (const [name, value] of rows) this.line(`│ ${name.padEnd(left)} │ ${value.padEnd(right)} │`);
    this.line(rule('└', '┴', '┘'));
  }
}
