import pg from 'pg';
import type { DatabaseApp } from '#contracts';
import { schemaOf } from './app-role.js';

/**
 * The tables of an app's outbox, for its migration. Counter and cursor are two tables on purpose: an append holds the
 * counter's row until its commit, and a relay that keeps books must not wait for it, nor the other way round.
 */
export function outboxTables(app: DatabaseApp): string {
  const schema = pg.escapeIdentifier(schemaOf(app));
  return `CREATE TABLE ${schema}."outbox_stream" (
    "stream" TEXT NOT NULL,
    "last_sequence" BIGINT NOT NULL DEFAULT 0,
    CONSTRAINT "outbox_stream_pkey" PRIMARY KEY ("stream")
);
CREATE TABLE ${schema}."outbox_message" (
    "stream" TEXT NOT NULL,
    "sequence" BIGINT NOT NULL,
    "message_id" UUID NOT NULL,
    "kind" TEXT NOT NULL,
    "payload" JSONB NOT NULL,
    "dedup_key" TEXT,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    CONSTRAINT "outbox_message_pkey" PRIMARY KEY ("stream", "sequence")
);
CREATE UNIQUE INDEX "outbox_message_stream_dedup_key_key" ON ${schema}."outbox_message" ("stream", "dedup_key");
CREATE TABLE ${schema}."outbox_cursor" (
    "stream" TEXT NOT NULL,
    "delivered_sequence" BIGINT NOT NULL DEFAULT 0,
    "attempts" INTEGER NOT NULL DEFAULT 0,
    "next_attempt_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "claim" UUID,
    "claimed_until" TIMESTAMPTZ(3),
    CONSTRAINT "outbox_cursor_pkey" PRIMARY KEY ("stream"),
    CONSTRAINT "outbox_cursor_claim_check" CHECK (("claim" IS NULL) = ("claimed_until" IS NULL))
);
`;
}
