import { type ChildProcess, spawn } from 'node:child_process';

/**
 * Ends model processes when the server is gone, even one that hangs in native code and never reads that its channel closed:
 * a shell that holds nothing but the list of them, and kills what is on it when its input ends. It costs half a megabyte,
 * where a watching thread in every process costs seven.
 */
const script = `trap '' INT TERM HUP
pids=' '
while read -r action pid; do
  case $action in
    +) pids="$pids$pid " ;;
    -) kept=' '; for p in $pids; do [ "$p" = "$pid" ] || kept="$kept$p "; done; pids=$kept ;;
  esac
done
for p in $pids; do kill -9 "$p" 2>/dev/null; done`;

export class OrphanGuard {
  private shell: ChildProcess | undefined;

  /** Puts a process under guard; the answer takes it off. */
  guard(pid: number): () => void {
    const shell = this.start();
    shell.stdin?.write(`+ ${pid}\n`);
    return () => {
      if (shell.stdin?.writable) shell.stdin.write(`- ${pid}\n`);
    };
  }

  close(): void {
    this.shell?.stdin?.end();
    this.shell = undefined;
  }

  private start(): ChildProcess {
    if (this.shell) return this.shell;
    // A session of its own, so that a Ctrl-C for the server's group does not end it first.
    const shell = spawn('/bin/sh', ['-c', script], { stdio: ['pipe', 'ignore', 'ignore'], detached: true });
    const forget = () => {
      if (this.shell === shell) this.shell = undefined;
    };
    shell.on('error', forget);
    shell.on('exit', forget);
    shell.stdin?.on('error', forget);
    shell.unref();
    this.shell = shell;
    return shell;
  }
}
