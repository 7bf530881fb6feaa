import { join } from 'node:path';
import { Gauge, type Registry } from 'prom-client';
import { z } from 'zod';
import { Bus, type BusLogger, type Neighbours } from '#bus';
import { type CommonConfig, common, type Env, parseEnv, refusePlain } from '#config';
import {
  heartbeat,
  indexChanged,
  type KeyPurpose,
  type NodeId,
  type NodeLoad,
  type NodeManifest,
  type NodeType,
  type PublicJwk,
  type ServedModel,
  type ServiceName,
} from '#contracts';
import { isWatershedError, toWireError } from '#errors';
import { loadOrCreateSigil, loadSigil, type Sigil } from '#sigil';
import { currentTraceparent, openOtlpTracing, runWithTraceparent, type Tracing } from '#telemetry';
import type { ServerCertificate } from '#tls';
import { BusIndexPort, type IndexPort } from './index-port.js';
import { isFinal, plainAddress } from './join-refusals.js';
import { LoopDelayMeter } from './loop-delay-meter.js';
import { certificateEndGauge, nodeCertificate } from './node-certificate.js';
import { type ManifestSigner, manifestFor, readManifest, signedManifest } from './node-manifest.js';
import { WatchedDirectory } from './watched-directory.js';

/** Token under which Nest apps provide their `ClusterNode`. */
export const CLUSTER_NODE = Symbol('CLUSTER_NODE');

export interface ClusterNodeOptions {
  /** WATERSHED_* variables are read from here: cluster, region, data folder, Redis, operator's key, node's name. */
  readonly env: Env;
  readonly services: readonly [ServiceName, ...ServiceName[]];
  readonly types: readonly [NodeType, ...NodeType[]];
  /** Where this node takes content over HTTP; may also be given to `join`, when the port is known. */
  readonly url?: string;
  readonly capabilities?: NodeManifest['capabilities'];
  /** Keys that this node signs with for a purpose of its own. */
  readonly purposeKeys?: readonly { readonly purpose: KeyPurpose; readonly key: PublicJwk }[];
  /** `inFlight` and `capacity` in the service's own unit; the event loop's delay is measured here. */
  readonly load?: () => Partial<NodeLoad>;
  readonly models?: () => readonly ServedModel[];
  /** Lines of a logger that takes bindings carry the node id as soon as it is known. */
  readonly logger: BusLogger & { setBindings?(bindings: { readonly nodeId: NodeId }): void };
  readonly metrics: { readonly registry: Registry };
  /** The other nodes of this process: what is said to them stays in it. */
  readonly neighbours?: Neighbours | undefined;
  /** How long `join` keeps trying while the index is not there; 60 s when absent. */
  readonly joinTimeoutMs?: number;
}

export interface JoinOptions {
  readonly url?: string;
  /** What this node shows there, where it speaks TLS itself. */
  readonly certificate?: ServerCertificate | undefined;
  /** The index itself joins in-process. */
  readonly index?: IndexPort | undefined;
}

const nodeEnv = z.object({
  /** An OpenTelemetry collector's address for OTLP over HTTP; absent: nothing is traced. */
  OTEL_EXPORTER_OTLP_ENDPOINT: z.url({ protocol: /^https?$/ }).optional(),
  OTEL_EXPORTER_OTLP_HEADERS: z.string().optional(),
  OTEL_TRACES_SAMPLER_ARG: z.coerce.number().min(0).max(1).default(1),
  WATERSHED_OPERATOR_KEY_FILE: z.string().min(1).optional(),
  /** The manifest with both signatures, of a node whose operator keeps their key elsewhere. */
  WATERSHED_MANIFEST_FILE: z.string().min(1).optional(),
  WATERSHED_NODE_NAME: z
    .string()
    .regex(/^[a-z0-9][a-z0-9-]{0,62}$/)
    .optional(),
});

/** A safety net below the nudges: the watch asks anew after this many heartbeats. */
const PULL_EVERY_BEATS = 5;
const JOIN_TIMEOUT_MS = 60_000;
/** So often, for some ten seconds, a node asks soon again: an index that starts with it, or again, is there by then. */
const EAGER_ATTEMPTS = 60;

/**
 * This process's membership in the cluster for one app: its key, its bus, its watch of the index, its heartbeat. The key
 * lies in `<data>/nodes/<name>.json`; the name is the first service unless WATERSHED_NODE_NAME says another, which a
 * second instance on the same data folder needs.
 */
export class ClusterNode {
  readonly nodeId: NodeId;
  private index: IndexPort;
  private manifest: NodeManifest | undefined;
  private timer: NodeJS.Timeout | undefined;
  private readonly loopDelay = new LoopDelayMeter();
  private readonly unsubscribe: (() => void)[] = [];
  private beatingSoon: NodeJS.Immediate | undefined;
  private beats = 0;
  private draining = false;
  private gone = false;
  private pulling: Promise<void> | undefined;
  private pullAgain = false;
  private rejoining = false;
  private readonly certificateEnd: Gauge;
  /** When the index last answered, on the monotonic clock. */
  private answeredAt = performance.now();

  private constructor(
    private readonly options: ClusterNodeOptions,
    private readonly config: CommonConfig,
    private readonly name: string,
    private readonly nodeSigil: Sigil,
    private readonly signer: ManifestSigner,
    readonly bus: Bus,
    readonly directory: WatchedDirectory,
    /** Absent where no collector is named. */
    readonly tracing: Tracing | undefined,
  ) {
    this.nodeId = nodeSigil.thumbprint;
    this.index = new BusIndexPort(bus, directory);
    const watchAge = () => (this.timer ? (performance.now() - this.answeredAt) / 1_000 : undefined);
    new Gauge({
      name: 'watershed_index_watch_age_seconds',
      help: 'Since the index last said what changed, while this node is joined',
      registers: [options.metrics.registry],
      collect() {
        const age = watchAge();
        if (age === undefined) this.remove();
        else this.set(age);
      },
    });
    this.certificateEnd = certificateEndGauge(options.metrics.registry);
  }

  get clusterId(): string {
    return this.config.clusterId;
  }

  /** Public key of the operator that signs this node's manifest. */
  get operatorKey(): PublicJwk {
    if ('manifest' in this.signer) throw new Error('the operator of this node keeps their key elsewhere');
    return this.signer.operator.publicJwk;
  }

  get region(): string {
    return this.config.region;
  }

  /** Whether the index holds this node now, as far as this node knows. */
  get joined(): boolean {
    return this.manifest !== undefined && !this.gone && !this.rejoining;
  }

  /** Loads the key and connects the bus, and announces nothing: handlers can be registered and ports opened first. */
  static async prepare(options: ClusterNodeOptions): Promise<ClusterNode> {
    const config = common(options.env);
    const own = parseEnv(nodeEnv, options.env, options.services[0]);
    const name = own.WATERSHED_NODE_NAME ?? options.services[0];
    // Spans name methods, models and outcomes, and the collector's headers may carry a password.
    refusePlain(options.services[0], 'OTEL_EXPORTER_OTLP_ENDPOINT', own.OTEL_EXPORTER_OTLP_ENDPOINT, config.network);
    const nodeSigil = await loadOrCreateSigil(join(config.dataDir, 'nodes', `${name}.json`), 'node');
    options.logger.setBindings?.({ nodeId: nodeSigil.thumbprint });
    const operatorFile = own.WATERSHED_OPERATOR_KEY_FILE ?? join(config.dataDir, 'operator', 'sigil.json');
    const signer: ManifestSigner =
      own.WATERSHED_MANIFEST_FILE === undefined
        ? { operator: await loadSigil(operatorFile, 'operator') }
        : { manifest: await readManifest(own.WATERSHED_MANIFEST_FILE) };
    const directory = new WatchedDirectory();
    const tracing =
      own.OTEL_EXPORTER_OTLP_ENDPOINT === undefined
        ? undefined
        : await openOtlpTracing({
            service: options.services[0],
            instance: nodeSigil.thumbprint,
            endpoint: own.OTEL_EXPORTER_OTLP_ENDPOINT,
            headers: own.OTEL_EXPORTER_OTLP_HEADERS,
            ratio: own.OTEL_TRACES_SAMPLER_ARG,
            onFailure: (reason) => options.logger.warn({ reason }, 'The collector takes no traces'),
          });
    const bus = await Bus.connect({
      redisUrl: config.redisUrl.reveal(),
      identity: { clusterId: config.clusterId, nodeId: nodeSigil.thumbprint, services: options.services },
      directory,
      logger: options.logger,
      metrics: options.metrics,
      neighbours: options.neighbours,
      trace: { current: currentTraceparent, run: runWithTraceparent, ...(tracing ? { spans: tracing } : {}) },
    });
    return new ClusterNode(options, config, name, nodeSigil, signer, bus, directory, tracing);
  }

  /** What this node shows where others bring it content; undefined where its address is none of TLS. */
  async certificateFor(url: string | undefined): Promise<ServerCertificate | undefined> {
    return url !== undefined && new URL(url).protocol === 'https:'
      ? nodeCertificate(this.config.dataDir, this.name)
      : undefined;
  }

  /** `prepare` and `join` in one, for nodes that answer nobody. */
  static async join(options: ClusterNodeOptions): Promise<ClusterNode> {
    const node = await ClusterNode.prepare(options);
    try {
      await node.join();
      return node;
    } catch (error) {
      await node.close();
      throw error;
    }
  }

  /**
   * Joins the index and stays joined: heartbeats, a watch, and a new join when the index has forgotten this node. Keeps
   * trying while no index answers; throws at once what trying again cannot change (`manifest_invalid`,
   * `node_address_refused`, `signature_invalid`, `node_expelled`).
   */
  async join(options: JoinOptions = {}): Promise<void> {
    if (options.index) this.index = options.index;
    const url = options.url ?? this.options.url;
    if (url !== undefined && this.config.network.exposes(url)) throw plainAddress(url);
    const declared = {
      type: 'watershed/node-manifest' as const,
      nodeId: this.nodeId,
      clusterId: this.config.clusterId,
      region: this.config.region,
      types: [...this.options.types],
      services: [...this.options.services],
      key: this.nodeSigil.publicJwk,
      purposeKeys: (this.options.purposeKeys ?? []).map(({ purpose, key }) => ({ purpose, key })),
      ...(url ? { url } : {}),
      ...(options.certificate ? { tlsFingerprint: options.certificate.fingerprint } : {}),
      capabilities: this.options.capabilities ?? {},
      issuedAt: new Date().toISOString(),
    };
    const { signer } = this;
    this.manifest =
      'manifest' in signer
        ? manifestFor(declared, signer.manifest)
        : await signedManifest(
            { ...declared, operatorId: signer.operator.thumbprint },
            this.nodeSigil,
            signer.operator,
          );
    if (options.certificate) this.certificateEnd.set(options.certificate.validUntil.getTime() / 1_000);
    this.directory.refreshWith(() => this.pull());
    this.loopDelay.start();
    this.unsubscribe.push(
      this.bus.on(heartbeat, (beat, from) => this.directory.hear(from, beat)),
      this.bus.on(indexChanged, ({ revision }) => {
        const known = this.directory.revision;
        if (!known || known.epoch !== revision.epoch || known.n < revision.n) this.pullSoon();
      }),
    );
    this.index.onChange?.(() => this.pullSoon());
    const joinTimeoutMs = this.options.joinTimeoutMs ?? JOIN_TIMEOUT_MS;
    const heartbeatIntervalMs = await this.joinUntil(joinTimeoutMs);
    // The index that took the manifest may be gone a moment later; without a first look nobody could be called.
    await this.untilAnswered(joinTimeoutMs, () => this.pull());
    this.beat();
    this.timer = setInterval(() => this.beat(), heartbeatIntervalMs);
  }

  /** From now on the heartbeat says that this node takes no new work. */
  startDraining(): void {
    if (this.draining) return;
    this.draining = true;
    if (this.timer) this.beat();
  }

  /** What the heartbeat says has changed: it is said now, with all that changes in the same turn of the event loop. */
  beatSoon(): void {
    if (!this.timer) return;
    this.beatingSoon ??= setImmediate(() => {
      this.beatingSoon = undefined;
      if (this.timer) this.beat();
    });
  }

  /** Tells the index that this node goes by plan; `asleep` nodes are expected back. Best effort: silence says it too. */
  async leave(health: 'left' | 'asleep'): Promise<void> {
    if (this.gone) return;
    this.gone = true;
    clearInterval(this.timer);
    this.timer = undefined;
    for (const stop of this.unsubscribe.splice(0)) stop();
    if (!this.manifest || this.bus.status !== 'connected') return;
    await this.index.leave(health).catch((error: unknown) => {
      this.options.logger.info({ code: toWireError(error).code }, 'No index took the good-bye of this node');
    });
  }

  /** Leaves (`asleep`: the key stays, so the node may come back) unless it has left already, and closes the bus. */
  async close(): Promise<void> {
    await this.leave('asleep');
    this.loopDelay.stop();
    await this.bus.close();
    await this.tracing?.close();
  }

  private async joinUntil(timeoutMs: number): Promise<number> {
    const { manifest } = this;
    if (!manifest) throw new Error('joinUntil is called after the manifest is signed');
    return (await this.untilAnswered(timeoutMs, () => this.index.join(manifest))).heartbeatIntervalMs;
  }

  /** Asks the index again, with growing pauses, until it answers or refuses for good. */
  private async untilAnswered<Answer>(timeoutMs: number, ask: () => Promise<Answer>): Promise<Answer> {
    const deadline = performance.now() + timeoutMs;
    for (let attempt = 0; ; attempt++) {
      try {
        return await ask();
      } catch (error) {
        const longestMs = attempt < EAGER_ATTEMPTS ? 200 : 1_000;
        const waitMs = Math.min(longestMs, 50 * 2 ** Math.min(attempt, 5)) * (0.5 + Math.random() / 2);
        if (isFinal(error) || this.gone || performance.now() + waitMs > deadline) throw error;
        this.options.logger.debug({ code: toWireError(error).code, attempt }, 'Not joined yet');
        await new Promise((resolve) => setTimeout(resolve, waitMs));
      }
    }
  }

  private beat(): void {
    const own = this.options.load?.() ?? {};
    const loopDelayMs = this.loopDelay.takeMs();
    const load = {
      inFlight: own.inFlight ?? this.bus.callsInFlight,
      capacity: own.capacity ?? 1_000,
      loopDelayMs: own.loopDelayMs ?? loopDelayMs,
      ...(own.freeModelMemoryBytes === undefined ? {} : { freeModelMemoryBytes: own.freeModelMemoryBytes }),
      draining: this.draining || own.draining === true,
    };
    this.beats += 1;
    const payload = { n: this.beats, load, models: [...(this.options.models?.() ?? [])] };
    this.directory.hear(this.nodeId, payload);
    this.index.heard?.(payload).catch((error: unknown) => {
      this.options.logger.debug({ code: toWireError(error).code }, 'The index did not take its own heartbeat');
    });
    if (this.bus.status === 'connected') {
      this.bus.broadcast(heartbeat, payload).catch((error: unknown) => {
        this.options.logger.debug({ code: toWireError(error).code }, 'A heartbeat did not go out');
      });
    }
    if (this.beats % PULL_EVERY_BEATS === 0) this.pullSoon();
  }

  /** Asks for what changed; one question at a time, and one more when a nudge comes meanwhile. */
  private pullSoon(): void {
    if (this.pulling) {
      this.pullAgain = true;
      return;
    }
    this.pull().catch((error: unknown) => {
      this.options.logger.debug({ code: toWireError(error).code }, 'The index could not be asked for changes');
    });
  }

  private pull(): Promise<void> {
    this.pulling ??= this.pullAll().finally(() => {
      this.pulling = undefined;
    });
    return this.pulling;
  }

  private async pullAll(): Promise<void> {
    do {
      this.pullAgain = false;
      try {
        this.directory.apply(await this.index.changes(this.directory.revision));
        this.answeredAt = performance.now();
      } catch (error) {
        // An index that lost its data does not know who asks.
        if (isWatershedError(error, 'caller_not_allowed')) this.rejoin();
        throw error;
      }
      const own = this.directory.get(this.nodeId);
      if (!own || own.health === 'dead' || own.health === 'left' || own.health === 'asleep') this.rejoin();
    } while (this.pullAgain && !this.gone);
  }

  /** For as long as it takes: a node whose index or Redis is away for an hour is of use again when they are back. */
  private rejoin(): void {
    if (this.rejoining || this.gone || !this.timer) return;
    this.rejoining = true;
    this.options.logger.info({}, 'The index does not hold this node any more: joining again');
    this.joinUntil(Number.POSITIVE_INFINITY)
      .then(() => {
        this.rejoining = false;
        this.pullSoon();
      })
      .catch((error: unknown) => {
        this.rejoining = false;
        if (this.gone) return;
        // Refused for good, as far as the index knows now; the next look that misses this node asks once more.
        this.options.logger.error({ code: toWireError(error).code }, 'This node could not join again');
      });
  }
}
