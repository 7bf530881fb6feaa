CREATE SCHEMA IF NOT EXISTS "gateway";

-- CreateTable
CREATE TABLE "gateway"."person" (
    "person_id" UUID NOT NULL,
    "role" TEXT NOT NULL,
    "home_region" TEXT NOT NULL,
    "policy" JSONB NOT NULL,
    "label" TEXT NOT NULL,
    "recovery_hash" BYTEA,
    "wrapped_key" BYTEA,
    "operator_id" TEXT,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "closed_at" TIMESTAMPTZ(3),

    CONSTRAINT "person_pkey" PRIMARY KEY ("person_id"),
    CONSTRAINT "person_role_known" CHECK ("role" IN ('person', 'operator', 'auditor')),
    CONSTRAINT "person_recovery_is_sha256" CHECK (octet_length("recovery_hash") = 32),
    -- A closed account can neither be recovered nor can what it kept be read.
    CONSTRAINT "person_closed_is_erased" CHECK ("closed_at" IS NULL OR ("recovery_hash" IS NULL AND "wrapped_key" IS NULL))
);

-- CreateTable
CREATE TABLE "gateway"."api_key" (
    "key_id" UUID NOT NULL,
    "person_id" UUID NOT NULL,
    "hash" BYTEA NOT NULL,
    "scopes" TEXT[],
    "label" TEXT NOT NULL,
    "first" BOOLEAN NOT NULL,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "expires_at" TIMESTAMPTZ(3),
    "revoked_at" TIMESTAMPTZ(3),
    "rotated_from" UUID,

    CONSTRAINT "api_key_pkey" PRIMARY KEY ("key_id"),
    CONSTRAINT "api_key_hash_is_sha256" CHECK (octet_length("hash") = 32),
    -- No ordinary key, and so no agent, decides about keys, accounts or consent.
    CONSTRAINT "api_key_ordinary_is_not_guarded" CHECK ("first" OR NOT ("scopes" && ARRAY['keys:manage', 'account:manage', 'consents:manage']))
);

-- CreateTable
CREATE TABLE "gateway"."identity" (
    "issuer" TEXT NOT NULL,
    "subject" TEXT NOT NULL,
    "person_id" UUID NOT NULL,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "identity_pkey" PRIMARY KEY ("issuer","subject")
);

-- CreateTable
CREATE TABLE "gateway"."once" (
    "principal" TEXT NOT NULL,
    "key" TEXT NOT NULL,
    "request_hash" BYTEA NOT NULL,
    "effect_id" UUID NOT NULL,
    "state" TEXT NOT NULL,
    "lease_until" TIMESTAMPTZ(3) NOT NULL,
    "status" INTEGER,
    "headers" JSONB,
    "body" BYTEA,
    "sealed" BOOLEAN NOT NULL DEFAULT false,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "expires_at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "once_pkey" PRIMARY KEY ("principal","key"),
    CONSTRAINT "once_hash_is_sha256" CHECK (octet_length("request_hash") = 32),
    CONSTRAINT "once_state_known" CHECK ("state" IN ('running', 'done')),
    CONSTRAINT "once_done_is_answered" CHECK (("state" = 'done') = ("status" IS NOT NULL))
);

-- CreateTable
CREATE TABLE "gateway"."audit_entry" (
    "sequence" BIGSERIAL NOT NULL,
    "action_id" UUID NOT NULL,
    "phase" TEXT NOT NULL,
    "at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "actor_id" UUID NOT NULL,
    "actor_role" TEXT NOT NULL,
    "key_id" UUID,
    "action" TEXT NOT NULL,
    "subject" TEXT NOT NULL,
    "details" JSONB NOT NULL,
    "code" TEXT,
    "request_id" UUID NOT NULL,

    CONSTRAINT "audit_entry_pkey" PRIMARY KEY ("sequence"),
    CONSTRAINT "audit_entry_phase_known" CHECK ("phase" IN ('begun', 'done', 'failed')),
    CONSTRAINT "audit_entry_failure_told" CHECK (("phase" = 'failed') = ("code" IS NOT NULL))
);

-- CreateIndex
CREATE UNIQUE INDEX "person_operator_id_key" ON "gateway"."person"("operator_id");

-- CreateIndex
CREATE INDEX "api_key_person_id_key_id_idx" ON "gateway"."api_key"("person_id", "key_id");

-- CreateIndex
CREATE INDEX "once_expires_at_idx" ON "gateway"."once"("expires_at");

-- CreateIndex
CREATE INDEX "audit_entry_actor_id_sequence_idx" ON "gateway"."audit_entry"("actor_id", "sequence");

-- AddForeignKey
ALTER TABLE "gateway"."api_key" ADD CONSTRAINT "api_key_person_id_fkey" FOREIGN KEY ("person_id") REFERENCES "gateway"."person"("person_id") ON DELETE RESTRICT ON UPDATE RESTRICT;

-- AddForeignKey
ALTER TABLE "gateway"."identity" ADD CONSTRAINT "identity_person_id_fkey" FOREIGN KEY ("person_id") REFERENCES "gateway"."person"("person_id") ON DELETE RESTRICT ON UPDATE RESTRICT;

-- The log of what operators did is only ever added to.
CREATE FUNCTION "gateway"."refuse_change_of_audit"() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the audit log is append-only' USING ERRCODE = 'restrict_violation';
END
$$;

CREATE TRIGGER "audit_entry_append_only" BEFORE UPDATE OR DELETE ON "gateway"."audit_entry"
    FOR EACH ROW EXECUTE FUNCTION "gateway"."refuse_change_of_audit"();

CREATE TRIGGER "audit_entry_no_truncate" BEFORE TRUNCATE ON "gateway"."audit_entry"
    FOR EACH STATEMENT EXECUTE FUNCTION "gateway"."refuse_change_of_audit"();

-- Outbox: what follows a commit of ours in another service.
CREATE TABLE "gateway"."outbox_stream" (
    "stream" TEXT NOT NULL,
    "last_sequence" BIGINT NOT NULL DEFAULT 0,
    CONSTRAINT "outbox_stream_pkey" PRIMARY KEY ("stream")
);
CREATE TABLE "gateway"."outbox_message" (
    "stream" TEXT NOT NULL,
    "sequence" BIGINT NOT NULL,
    "message_id" UUID NOT NULL,
    "kind" TEXT NOT NULL,
    "payload" JSONB NOT NULL,
    "dedup_key" TEXT,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    CONSTRAINT "outbox_message_pkey" PRIMARY KEY ("stream", "sequence")
);
CREATE UNIQUE INDEX "outbox_message_stream_dedup_key_key" ON "gateway"."outbox_message" ("stream", "dedup_key");
CREATE TABLE "gateway"."outbox_cursor" (
    "stream" TEXT NOT NULL,
    "delivered_sequence" BIGINT NOT NULL DEFAULT 0,
    "attempts" INTEGER NOT NULL DEFAULT 0,
    "next_attempt_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "claim" UUID,
    "claimed_until" TIMESTAMPTZ(3),
    CONSTRAINT "outbox_cursor_pkey" PRIMARY KEY ("stream"),
    CONSTRAINT "outbox_cursor_claim_check" CHECK (("claim" IS NULL) = ("claimed_until" IS NULL))
);
