import type { NodeEntry, NodeId, NodeLoad, NodeManifest, Revision, ServedModel } from '#contracts';
import { toWireError } from '#errors';
import { DecisionRecord } from './decision-record.js';
import { HealthSystem } from './health.system.js';
import { Hearing } from './hearing.js';
import type { IndexResources, NodeStore, StoredNode } from './index.ports.js';
import { JoinSystem } from './join.system.js';
import { MembershipSystem } from './membership.system.js';
import { needsJoin } from './node.states.js';
import { OperatorKeys } from './operators.js';

export interface JoinAnswer {
  readonly revision: Revision;
  readonly heartbeatIntervalMs: number;
  readonly suspectAfterMs: number;
}

/** Ticks between two reconciliations with governance. */
const RECONCILE_EVERY_TICKS = 5;

/** The index of one cluster, as one of its instances runs it. What instances share lies in the store and on the board. */
export class IndexEngine {
  private readonly record: DecisionRecord;
  private readonly hearing: Hearing;
  private readonly joining: JoinSystem;
  private readonly health: HealthSystem;
  private readonly membership: MembershipSystem;
  private lastTickAt: number;
  private ticks = 0;
  private reconciled = false;
  /** A decision was announced and could not be taken. */
  private missed = false;

  constructor(private readonly resources: IndexResources) {
    this.record = new DecisionRecord(resources);
    const operators = new OperatorKeys(resources.settings.genesisOperator, this.record);
    this.hearing = new Hearing(resources.now);
    this.joining = new JoinSystem(resources, this.hearing, operators, this.record);
    this.health = new HealthSystem(resources, this.hearing);
    this.membership = new MembershipSystem(resources, this.record);
    this.lastTickAt = resources.now();
  }

  /** Of how many nodes this instance has had word. */
  get remembered(): number {
    return this.hearing.size;
  }

  async join(from: NodeId, manifest: NodeManifest): Promise<JoinAnswer> {
    const { heartbeatIntervalMs, suspectAfterMs } = this.resources.settings;
    return { revision: await this.joining.join(from, manifest), heartbeatIntervalMs, suspectAfterMs };
  }

  /** A node goes by plan. One that is expelled stays so; one that is not there has nothing to leave. */
  async leave(from: NodeId, health: 'asleep' | 'left'): Promise<void> {
    const { store, announcer, wallClock, log } = this.resources;
    for (let attempt = 0; attempt < 5; attempt++) {
      const node = await store.find(from);
      if (!node || node.health === 'expelled' || node.health === health) return;
      const revision = await store.move(from, node, { health, seenAt: wallClock() });
      if (!revision) continue;
      this.hearing.forget(from);
      log.info({ node: from, to: health }, 'A node went by plan');
      announcer.changed(revision);
      return;
    }
  }

  /** A heartbeat. A suspect that is heard again is alive at once; the others are judged at the tick. */
  async heard(from: NodeId, load: NodeLoad, models: readonly ServedModel[]): Promise<void> {
    const wasSilent = this.hearing.silenceMs(from) >= this.resources.settings.suspectAfterMs;
    this.hearing.heard(from, load, models);
    if (!wasSilent) return;
    const node = await this.resources.store.find(from);
    if (node) await this.health.reviewOne(node);
  }

  async changes(since: Revision | undefined): Promise<{ revision: Revision; snapshot: boolean; nodes: NodeEntry[] }> {
    const found = await this.settled(since);
    return { ...found, nodes: found.nodes.map((node) => this.entryOf(node)) };
  }

  /**
   * What the store holds, with nothing judged: for the index's own watch, so that others need not wait for an instance
   * that has heard nobody yet to write down its doubts. Those reach that watch through the stream.
   */
  async stored(since: Revision | undefined): Promise<{ revision: Revision; snapshot: boolean; nodes: NodeEntry[] }> {
    const found = await this.resources.store.changesSince(since);
    return { ...found, nodes: found.nodes.map((node) => this.entryOf(node)) };
  }

  /** Lets go of nodes that left for ever. One that comes back all the same joins as if it were new. */
  async forgetGone(): Promise<void> {
    const { store, announcer, settings, wallClock, log } = this.resources;
    const revision = await store.prune(new Date(wallClock().getTime() - settings.forgetAfterMs));
    if (revision) {
      log.info({}, 'Nodes that went long ago are forgotten');
      announcer.changed(revision);
    }
    // Another instance may have deleted them, so what is remembered here is compared with the rows.
    const { nodes } = await store.changesSince(undefined);
    this.hearing.keepOnly(new Set(nodes.map(({ nodeId }) => nodeId)), settings.deadAfterMs);
  }

  /** Governance announced a decision on a node. One that cannot be taken now is asked for at the next tick. */
  decidedOn(nodeId: NodeId): Promise<void> {
    return this.orNextTick(this.membership.decidedOn(nodeId));
  }

  /** Governance announced that its log has grown to this entry. */
  async logGrew(seq: number): Promise<void> {
    if (this.record.counted.head.seq < seq) await this.orNextTick(this.record.catchUp());
  }

  /** The connection to Redis is back: nobody could be heard meanwhile. */
  wasDeaf(): void {
    this.health.wasDeaf();
  }

  /** Once a heartbeat interval: exchanges what was heard, judges silence, and keeps up with governance. */
  async tick(): Promise<void> {
    const { store, board, settings, now } = this.resources;
    const at = now();
    // A process that was stopped for so long heard nobody either.
    if (at - this.lastTickAt > settings.suspectAfterMs) this.health.wasDeaf();
    this.lastTickAt = at;
    this.hearing.learn(await board.exchange(this.hearing.takeFresh()));
    const { nodes } = await store.changesSince(undefined);
    this.health.learnFromRows(nodes);
    await this.health.review(nodes);
    this.ticks += 1;
    if (
      this.reconciled &&
      !this.missed &&
      this.ticks % RECONCILE_EVERY_TICKS !== 0 &&
      nodes.every((node) => node.membershipEpoch > 0)
    ) {
      return;
    }
    this.missed = false;
    this.reconciled = await this.keepUp(nodes.filter((node) => !needsJoin(node.health)));
  }

  private async orNextTick(work: Promise<void>): Promise<void> {
    try {
      await work;
    } catch (error) {
      this.missed = true;
      throw error;
    }
  }

  private async keepUp(nodes: readonly StoredNode[]): Promise<boolean> {
    try {
      if (!(await this.membership.reconcile())) return false;
      await this.membership.confirm(nodes);
      return true;
    } catch (error) {
      this.resources.log.warn({ code: toWireError(error).code }, 'Governance could not be followed');
      return false;
    }
  }

  /**
   * What the store holds, after what this instance knows better has been written. A watcher may only be told what the
   * stream carries: a doubt that it did not carry would stay with that watcher after the node was heard elsewhere.
   */
  private async settled(since: Revision | undefined): Promise<Awaited<ReturnType<NodeStore['changesSince']>>> {
    const { store, board } = this.resources;
    const found = await store.changesSince(since);
    this.health.learnFromRows(found.nodes);
    const doubtful = (): StoredNode[] =>
      found.nodes.filter((node) => this.health.judge(node.nodeId, node.health) !== node.health);
    if (doubtful().length === 0) return found;
    this.hearing.learn(await board.exchange(this.hearing.takeFresh()));
    const judged = doubtful();
    if (judged.length === 0) return found;
    await this.health.review(judged);
    return store.changesSince(since);
  }

  private entryOf(node: StoredNode): NodeEntry {
    const heard = this.hearing.of(node.nodeId);
    const silenceMs = this.hearing.silenceMs(node.nodeId);
    const heardAt = this.resources.wallClock().getTime() - silenceMs;
    const lastSeenAt =
      Number.isFinite(heardAt) && heardAt > node.lastSeenAt.getTime() ? new Date(heardAt) : node.lastSeenAt;
    return {
      nodeId: node.nodeId,
      manifest: node.manifest,
      health: node.health,
      membership: node.membership,
      ...(heard?.load ? { load: heard.load } : {}),
      models: [...(heard?.models ?? [])],
      joinedAt: node.joinedAt.toISOString(),
      lastSeenAt: lastSeenAt.toISOString(),
    };
  }
}
