import { uuidv7 } from 'uuidv7';
import { refusal } from '#contracts';
import { type ErrorCode, errorCodes } from '#errors';
import { type Database, databaseError } from '#persistence';
import type { Move, PlacementRepository, PlacementRow, Wish } from './engine/placement.ports.js';
import { type PlacementState, statesBefore, type Wanted } from './engine/placement.states.js';

interface Row {
  placement_id: string;
  node_id: string;
  model: string;
  version: string;
  wanted: Wanted;
  state: PlacementState;
  failure: unknown;
  epoch: number;
  failures: number;
  updated_at: Date;
  age_ms: string;
  retry_due: boolean;
}

const columns = `placement_id, node_id, model, version, wanted, state, failure, epoch, failures, updated_at,
  EXTRACT(EPOCH FROM clock_timestamp() - updated_at) * 1000 AS age_ms,
  COALESCE(retry_at <= clock_timestamp(), false) AS retry_due`;

// One statement: the row moves and its snapshot is written, or nothing moves and the refusal is written.
const moveSql = `
WITH before AS (
  SELECT placement_id, state FROM compute.placement WHERE placement_id = $1 FOR UPDATE
), moved AS (
  UPDATE compute.placement p SET
    state = $3,
    wanted = COALESCE($5, p.wanted),
    epoch = p.epoch + CASE WHEN $5::text IS NULL THEN 0 ELSE 1 END,
    failure = $6::jsonb,
    failures = CASE WHEN $3 = 'failed' THEN p.failures + 1 WHEN $3 IN ('ready', 'unloading') THEN 0 ELSE p.failures END,
    retry_at = clock_timestamp() + $7::float8 * interval '1 millisecond',
    updated_at = clock_timestamp()
  FROM before
  WHERE p.placement_id = before.placement_id AND p.epoch = $2 AND p.state = ANY($4::text[])
  RETURNING p.*, before.state AS previous_state
), told AS (
  INSERT INTO compute.placement_snapshot (placement_id, epoch, previous_state, state, wanted, reason, accepted)
  SELECT placement_id, epoch, previous_state, state, wanted, $8, true FROM moved
), refused AS (
  INSERT INTO compute.placement_snapshot (placement_id, epoch, previous_state, state, wanted, reason, accepted)
  SELECT p.placement_id, $2, before.state, $3, COALESCE($5, p.wanted), $8, false
  FROM compute.placement p JOIN before USING (placement_id)
  WHERE NOT EXISTS (SELECT 1 FROM moved)
)
SELECT ${columns} FROM moved`;

const ensureSql = `
WITH made AS (
  INSERT INTO compute.placement (placement_id, node_id, model, version, wanted, state, epoch)
  VALUES ($1, $2, $3, $4, 'loaded', 'wanted', 1)
  ON CONFLICT (node_id, model, version) DO NOTHING
  RETURNING *
), told AS (
  INSERT INTO compute.placement_snapshot (placement_id, epoch, previous_state, state, wanted, reason, accepted)
  SELECT placement_id, epoch, NULL, state, wanted, 'wished', true FROM made
)
SELECT ${columns} FROM made`;

/** Placements in Postgres. Plain SQL, because a compare-and-set and its snapshot are one statement. */
export class SqlPlacementRepository implements PlacementRepository {
  constructor(private readonly database: Pick<Database, 'pool' | 'prisma'>) {}

  async find(placementId: string): Promise<PlacementRow | undefined> {
    const rows = await this.query(`SELECT ${columns} FROM compute.placement WHERE placement_id = $1`, [placementId]);
    return rows[0];
  }

  ofModel(model: string, version?: string, nodeId?: string): Promise<PlacementRow[]> {
    return this.query(
      `SELECT ${columns} FROM compute.placement
       WHERE model = $1 AND version = COALESCE($2, version) AND node_id = COALESCE($3, node_id) ORDER BY placement_id`,
      [model, version ?? null, nodeId ?? null],
    );
  }

  all(): Promise<PlacementRow[]> {
    return this.query(`SELECT ${columns} FROM compute.placement`, []);
  }

  async isPlaced(nodeId: string, versions: readonly Wish[]): Promise<boolean> {
    const rows = await this.query(
      `SELECT ${columns} FROM compute.placement
       WHERE node_id = $1 AND wanted = 'loaded' AND (model, version) IN (SELECT * FROM unnest($2::text[], $3::text[]))
       LIMIT 1`,
      [nodeId, versions.map(({ model }) => model), versions.map(({ version }) => version)],
    );
    return rows.length > 0;
  }

  page(options: { model?: string; after?: string; limit: number }): Promise<PlacementRow[]> {
    return this.query(
      `SELECT ${columns} FROM compute.placement
       WHERE model = COALESCE($1, model) AND ($2::uuid IS NULL OR placement_id > $2::uuid)
       ORDER BY placement_id LIMIT $3`,
      [options.model ?? null, options.after ?? null, options.limit],
    );
  }

  async ensure(nodeId: string, wish: Wish): Promise<{ row: PlacementRow; created: boolean }> {
    for (;;) {
      const [made] = await this.query(ensureSql, [uuidv7(), nodeId, wish.model, wish.version]);
      if (made) return { row: made, created: true };
      const [row] = await this.ofModel(wish.model, wish.version, nodeId);
      // Absent only if it was removed between the two statements, which nothing here does; then it is made after all.
      if (row) return { row, created: false };
    }
  }

  async move(move: Move): Promise<PlacementRow | undefined> {
    const [moved] = await this.query(moveSql, [
      move.placementId,
      move.epoch,
      move.to,
      statesBefore(move.to),
      move.wanted ?? null,
      move.failure ? JSON.stringify(move.failure) : null,
      move.retryInMs ?? null,
      move.reason,
    ]);
    return moved;
  }

  async wishes(): Promise<Wish[]> {
    return this.database.prisma.computeWish.findMany({ select: { model: true, version: true } });
  }

  async addWish(wish: Wish): Promise<void> {
    await this.database.prisma.computeWish.createMany({ data: [{ ...wish }], skipDuplicates: true });
  }

  async removeWishes(model: string, version?: string): Promise<void> {
    await this.database.prisma.computeWish.deleteMany({ where: { model, ...(version ? { version } : {}) } });
  }

  private async query(sql: string, values: unknown[]): Promise<PlacementRow[]> {
    try {
      const { rows } = await this.database.pool.query<Row>(sql, values);
      return rows.map(fromRow);
    } catch (error) {
      throw databaseError(error);
    }
  }
}

function fromRow(row: Row): PlacementRow {
  const failure = row.failure === null ? undefined : refusal.parse(row.failure);
  return {
    placementId: row.placement_id,
    nodeId: row.node_id,
    model: row.model,
    version: row.version,
    wanted: row.wanted,
    state: row.state,
    ...(failure ? { failure: { ...failure, code: codeOf(failure.code) } } : {}),
    epoch: row.epoch,
    failures: row.failures,
    updatedAt: row.updated_at,
    ageMs: Number(row.age_ms),
    retryDue: row.retry_due,
  };
}

/** A code of a newer release than this one is kept as `internal` rather than refused. */
const codeOf = (code: string): ErrorCode => errorCodes.find((known) => known === code) ?? 'internal';
