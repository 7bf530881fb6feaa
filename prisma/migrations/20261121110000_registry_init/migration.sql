CREATE SCHEMA IF NOT EXISTS "registry";

CREATE TABLE "registry"."model" (
    "name" TEXT NOT NULL,
    "next_serial" INTEGER NOT NULL DEFAULT 1,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    CONSTRAINT "model_pkey" PRIMARY KEY ("name"),
    -- Triton's name is org--model, so `--` may stand in neither part.
    CONSTRAINT "model_name_check" CHECK ("name" ~ '^[a-z0-9._-]+/[a-z0-9._-]+$' AND "name" NOT LIKE '%--%'),
    CONSTRAINT "model_next_serial_check" CHECK ("next_serial" > 0)
);

CREATE TABLE "registry"."version" (
    "name" TEXT NOT NULL,
    "version" TEXT NOT NULL,
    "serial" INTEGER NOT NULL,
    "digest" TEXT NOT NULL,
    "review" TEXT NOT NULL DEFAULT 'submitted',
    "manifest" JSONB NOT NULL,
    "blob_sha256" TEXT NOT NULL,
    "blob_size_bytes" BIGINT NOT NULL,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    CONSTRAINT "version_pkey" PRIMARY KEY ("name", "version"),
    CONSTRAINT "version_serial_check" CHECK ("serial" > 0),
    CONSTRAINT "version_digest_check" CHECK ("digest" ~ '^[0-9a-f]{64}$' AND "blob_sha256" ~ '^[0-9a-f]{64}$'),
    CONSTRAINT "version_review_check" CHECK ("review" IN ('submitted', 'approved', 'rejected', 'withdrawn')),
    CONSTRAINT "version_blob_size_bytes_check" CHECK ("blob_size_bytes" > 0),
    CONSTRAINT "version_manifest_check" CHECK (
        ("manifest" ->> 'name') = "name" AND ("manifest" ->> 'version') = "version"
        AND ("manifest" -> 'blob' ->> 'sha256') = "blob_sha256"
    )
);
CREATE UNIQUE INDEX "version_name_serial_key" ON "registry"."version" ("name", "serial");
CREATE UNIQUE INDEX "version_name_digest_key" ON "registry"."version" ("name", "digest");
CREATE INDEX "version_blob_sha256_idx" ON "registry"."version" ("blob_sha256");

CREATE TABLE "registry"."review" (
    "id" BIGSERIAL NOT NULL,
    "name" TEXT NOT NULL,
    "version" TEXT NOT NULL,
    "review" TEXT NOT NULL,
    "reviewer" TEXT NOT NULL,
    "at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    CONSTRAINT "review_pkey" PRIMARY KEY ("id"),
    CONSTRAINT "review_review_check" CHECK ("review" IN ('approved', 'rejected', 'withdrawn'))
);
CREATE INDEX "review_name_version_id_idx" ON "registry"."review" ("name", "version", "id");

ALTER TABLE "registry"."version" ADD CONSTRAINT "version_name_fkey"
    FOREIGN KEY ("name") REFERENCES "registry"."model" ("name") ON DELETE RESTRICT ON UPDATE CASCADE;
ALTER TABLE "registry"."review" ADD CONSTRAINT "review_name_version_fkey"
    FOREIGN KEY ("name", "version") REFERENCES "registry"."version" ("name", "version") ON DELETE RESTRICT ON UPDATE CASCADE;

-- What a version is never changes, only where its review stands: a runner that has it under its serial must never find
-- other bytes there.
CREATE FUNCTION "registry"."version_is_fixed"() RETURNS TRIGGER LANGUAGE plpgsql AS $$
BEGIN
    IF (NEW."name", NEW."version", NEW."serial", NEW."digest", NEW."blob_sha256", NEW."blob_size_bytes")
        IS DISTINCT FROM (OLD."name", OLD."version", OLD."serial", OLD."digest", OLD."blob_sha256", OLD."blob_size_bytes")
        OR (NEW."manifest" - 'signatures') IS DISTINCT FROM (OLD."manifest" - 'signatures') THEN
        RAISE EXCEPTION 'a version of a model is fixed' USING ERRCODE = '23514';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER "version_is_fixed" BEFORE UPDATE ON "registry"."version"
    FOR EACH ROW EXECUTE FUNCTION "registry"."version_is_fixed"();

-- Outbox, see libs/persistence.
CREATE TABLE "registry"."outbox_stream" (
    "stream" TEXT NOT NULL,
    "last_sequence" BIGINT NOT NULL DEFAULT 0,
    CONSTRAINT "outbox_stream_pkey" PRIMARY KEY ("stream")
);
CREATE TABLE "registry"."outbox_message" (
    "stream" TEXT NOT NULL,
    "sequence" BIGINT NOT NULL,
    "message_id" UUID NOT NULL,
    "kind" TEXT NOT NULL,
    "payload" JSONB NOT NULL,
    "dedup_key" TEXT,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    CONSTRAINT "outbox_message_pkey" PRIMARY KEY ("stream", "sequence")
);
CREATE UNIQUE INDEX "outbox_message_stream_dedup_key_key" ON "registry"."outbox_message" ("stream", "dedup_key");
CREATE TABLE "registry"."outbox_cursor" (
    "stream" TEXT NOT NULL,
    "delivered_sequence" BIGINT NOT NULL DEFAULT 0,
    "attempts" INTEGER NOT NULL DEFAULT 0,
    "next_attempt_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "claim" UUID,
    "claimed_until" TIMESTAMPTZ(3),
    CONSTRAINT "outbox_cursor_pkey" PRIMARY KEY ("stream"),
    CONSTRAINT "outbox_cursor_claim_check" CHECK (("claim" IS NULL) = ("claimed_until" IS NULL))
);
