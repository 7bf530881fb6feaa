CREATE SCHEMA IF NOT EXISTS "governance";

CREATE TABLE "governance"."operator" (
  "operator_id" TEXT NOT NULL,
  "name" TEXT NOT NULL,
  "key" JSONB NOT NULL,
  "since" TIMESTAMPTZ(3) NOT NULL,
  CONSTRAINT "operator_pkey" PRIMARY KEY ("operator_id"),
  CONSTRAINT "operator_operator_id_check" CHECK ("operator_id" ~ '^[A-Za-z0-9_-]{43}$')
);

CREATE TABLE "governance"."membership" (
  "node_id" TEXT NOT NULL,
  "operator_id" TEXT NOT NULL,
  "state" TEXT NOT NULL,
  "reason" TEXT NOT NULL,
  "epoch" INTEGER NOT NULL,
  "decided_at" TIMESTAMPTZ(3) NOT NULL,
  "decided_by" TEXT NOT NULL,
  "signed_at" TIMESTAMPTZ(3),
  CONSTRAINT "membership_pkey" PRIMARY KEY ("node_id"),
  CONSTRAINT "membership_node_id_check" CHECK ("node_id" ~ '^[A-Za-z0-9_-]{43}$'),
  CONSTRAINT "membership_state_check" CHECK ("state" IN ('admitted', 'paused', 'expelled')),
  CONSTRAINT "membership_epoch_check" CHECK ("epoch" > 0)
);

CREATE TABLE "governance"."log" (
  "seq" BIGINT NOT NULL,
  "kind" TEXT NOT NULL,
  "decision_id" UUID,
  "node_id" TEXT,
  "document" JSONB NOT NULL,
  "outcome" JSONB,
  "previous_hash" TEXT NOT NULL,
  "hash" TEXT NOT NULL,
  "recorded_at" TIMESTAMPTZ(3) NOT NULL,
  CONSTRAINT "log_pkey" PRIMARY KEY ("seq"),
  CONSTRAINT "log_kind_check" CHECK ("kind" IN ('operator', 'admission', 'decision')),
  CONSTRAINT "log_decision_check" CHECK (("kind" = 'decision') = ("decision_id" IS NOT NULL)),
  CONSTRAINT "log_hash_check" CHECK ("hash" ~ '^[0-9a-f]{64}$' AND "previous_hash" ~ '^[0-9a-f]{64}$')
);
CREATE UNIQUE INDEX "log_decision_id_key" ON "governance"."log" ("decision_id");
CREATE UNIQUE INDEX "log_hash_key" ON "governance"."log" ("hash");
CREATE INDEX "log_kind_seq_idx" ON "governance"."log" ("kind", "seq");

CREATE TABLE "governance"."outbox_stream" (
    "stream" TEXT NOT NULL,
    "last_sequence" BIGINT NOT NULL DEFAULT 0,
    CONSTRAINT "outbox_stream_pkey" PRIMARY KEY ("stream")
);
CREATE TABLE "governance"."outbox_message" (
    "stream" TEXT NOT NULL,
    "sequence" BIGINT NOT NULL,
    "message_id" UUID NOT NULL,
    "kind" TEXT NOT NULL,
    "payload" JSONB NOT NULL,
    "dedup_key" TEXT,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    CONSTRAINT "outbox_message_pkey" PRIMARY KEY ("stream", "sequence")
);
CREATE UNIQUE INDEX "outbox_message_stream_dedup_key_key" ON "governance"."outbox_message" ("stream", "dedup_key");
CREATE TABLE "governance"."outbox_cursor" (
    "stream" TEXT NOT NULL,
    "delivered_sequence" BIGINT NOT NULL DEFAULT 0,
    "attempts" INTEGER NOT NULL DEFAULT 0,
    "next_attempt_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "claim" UUID,
    "claimed_until" TIMESTAMPTZ(3),
    CONSTRAINT "outbox_cursor_pkey" PRIMARY KEY ("stream"),
    CONSTRAINT "outbox_cursor_claim_check" CHECK (("claim" IS NULL) = ("claimed_until" IS NULL))
);

-- The log is a chain: numbers without a gap, each row naming the hash of the one before. Nothing is rewritten.
CREATE FUNCTION "governance"."log_is_a_chain"() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  last_seq bigint;
  last_hash text;
BEGIN
  SELECT seq, hash INTO last_seq, last_hash FROM governance.log ORDER BY seq DESC LIMIT 1;
  IF NEW.seq <> coalesce(last_seq, 0) + 1 OR NEW.previous_hash <> coalesce(last_hash, repeat('0', 64)) THEN
    RAISE EXCEPTION 'entry % does not continue the log', NEW.seq USING ERRCODE = 'check_violation';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER "log_is_a_chain" BEFORE INSERT ON "governance"."log"
  FOR EACH ROW EXECUTE FUNCTION "governance"."log_is_a_chain"();

CREATE FUNCTION "governance"."log_is_append_only"() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'the log is append-only' USING ERRCODE = 'check_violation';
END $$;
CREATE TRIGGER "log_is_append_only" BEFORE UPDATE OR DELETE ON "governance"."log"
  FOR EACH ROW EXECUTE FUNCTION "governance"."log_is_append_only"();

-- A membership changes by a decision with the next epoch, and is never forgotten.
CREATE FUNCTION "governance"."membership_epoch_rises"() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'DELETE' THEN RAISE EXCEPTION 'a membership is never forgotten' USING ERRCODE = 'check_violation'; END IF;
  IF NEW.epoch <> OLD.epoch + 1 OR NEW.node_id <> OLD.node_id OR NEW.operator_id <> OLD.operator_id THEN
    RAISE EXCEPTION 'a membership changes by the next epoch' USING ERRCODE = 'check_violation';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER "membership_epoch_rises" BEFORE UPDATE OR DELETE ON "governance"."membership"
  FOR EACH ROW EXECUTE FUNCTION "governance"."membership_epoch_rises"();
