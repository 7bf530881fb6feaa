CREATE SCHEMA IF NOT EXISTS "bridge";

CREATE TABLE "bridge"."descriptor" (
    "cluster_id" TEXT NOT NULL,
    "epoch" INTEGER NOT NULL,
    "sequence" BIGINT NOT NULL,
    "document" JSONB NOT NULL,
    "delegation" JSONB NOT NULL,
    "content_digest" TEXT NOT NULL,
    "issued_at" TIMESTAMPTZ(3) NOT NULL,
    "expires_at" TIMESTAMPTZ(3) NOT NULL,
    CONSTRAINT "descriptor_pkey" PRIMARY KEY ("cluster_id"),
    CONSTRAINT "descriptor_cluster_id_check" CHECK ("cluster_id" ~ '^[A-Za-z0-9_-]{43}$'),
    CONSTRAINT "descriptor_epoch_check" CHECK ("epoch" > 0),
    CONSTRAINT "descriptor_sequence_check" CHECK ("sequence" >= 0),
    CONSTRAINT "descriptor_life_check" CHECK ("expires_at" > "issued_at"),
    -- The number that is compared is the number that was signed.
    CONSTRAINT "descriptor_document_check" CHECK (
        ("document" ->> 'clusterId') = "cluster_id"
        AND ("document" ->> 'epoch')::INTEGER = "epoch"
        AND ("document" ->> 'sequence')::BIGINT = "sequence"
    )
);

-- Peers drop what is older than what they know, so a number that went back would silence this cluster, and one that was
-- given twice would let two descriptors both be the newest. Held here, whatever code writes.
CREATE FUNCTION "bridge"."descriptor_only_rises"() RETURNS TRIGGER LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' OR (NEW."epoch", NEW."sequence") <= (OLD."epoch", OLD."sequence") THEN
        RAISE EXCEPTION 'a descriptor''s (epoch, sequence) only rises' USING ERRCODE = '23514';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER "descriptor_only_rises" BEFORE UPDATE OR DELETE ON "bridge"."descriptor"
    FOR EACH ROW EXECUTE FUNCTION "bridge"."descriptor_only_rises"();
