import { type Bindings, type ChildLoggerOptions, type DestinationStream, type LogFn, type Logger, pino } from 'pino';
import { describeError, redactRecord, redactText } from './redaction.js';
import { currentTraceIds } from './trace-context.js';

export type { Logger } from 'pino';

type LogArguments = Parameters<LogFn>;

export interface LoggerOptions {
  readonly service: string;
  /** Where it is known already; a node that is being prepared names itself with `setBindings({ nodeId })`. */
  readonly nodeId?: string;
  /** `fatal` … `trace`, or `silent`. */
  readonly level: string;
  /** Where lines go, one JSON object each; standard output when absent. */
  readonly stream?: DestinationStream;
}

/**
 * A structured log that neither a secret nor a person's content passes: members are redacted by name at any depth,
 * and whole lines by what credentials look like. Each line carries the trace it belongs to.
 */
export function createLogger({ service, nodeId, level, stream }: LoggerOptions): Logger {
  const options = {
    level,
    base: nodeId === undefined ? { service } : { service, nodeId },
    timestamp: pino.stdTimeFunctions.isoTime,
    mixin: () => currentTraceIds() ?? {},
    formatters: {
      level: (label: string) => ({ level: label }),
      log: redactRecord,
    },
    hooks: {
      streamWrite: redactText,
      logMethod(this: Logger, args: LogArguments, method: LogFn) {
        method.apply(this, nameInsteadOfMessage(args));
      },
    },
  };
  const logger = pino(options, stream ?? patientOutput(1));
  return redactingChildren(logger);
}

/** What waits for room at most; the lines after that are lost. */
const waitingBytes = 2 ** 20;

/**
 * A file that takes no more (a full disk) is no reason to stop serving: lines wait for the next that can be written.
 * Whoever watches the disk tells of it; there is no place to write that down.
 */
export function patientOutput(fileDescriptor: number): DestinationStream {
  const output = pino.destination({ dest: fileDescriptor, sync: true, maxLength: waitingBytes });
  output.on('error', () => undefined);
  return output;
}

/** pino serialises a child's bindings without the formatters, so they are redacted where they enter. */
function redactingChildren(logger: Logger): Logger {
  const child = logger.child;
  const redactingChild = function (this: Logger, bindings: Bindings, options?: ChildLoggerOptions): Logger {
    return Reflect.apply(child, this, [redactRecord(bindings), options]);
  };
  return Object.assign(logger, { child: redactingChild }); // children inherit it, `this` being the child
}

/** Without a message of its own a line would repeat the error's, which may quote content. */
function nameInsteadOfMessage(args: LogArguments): LogArguments {
  const [first, message] = args;
  if (message !== undefined) return args;
  const error = first instanceof Error ? first : (first as { err?: unknown } | undefined)?.err;
  if (!(error instanceof Error)) return args;
  const described = String(describeError(error).message);
  return first instanceof Error ? [{ err: first }, described] : [first, described];
}
