CREATE SCHEMA IF NOT EXISTS "compute";

-- CreateTable
CREATE TABLE "compute"."placement" (
    "placement_id" UUID NOT NULL,
    "node_id" TEXT NOT NULL,
    "model" TEXT NOT NULL,
    "version" TEXT NOT NULL,
    "wanted" TEXT NOT NULL,
    "state" TEXT NOT NULL,
    "failure" JSONB,
    "epoch" INTEGER NOT NULL,
    "failures" INTEGER NOT NULL DEFAULT 0,
    "retry_at" TIMESTAMPTZ(3),
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "updated_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "placement_pkey" PRIMARY KEY ("placement_id"),
    CONSTRAINT "placement_wanted_known" CHECK ("wanted" IN ('loaded', 'unloaded')),
    CONSTRAINT "placement_state_known" CHECK ("state" IN ('wanted', 'loading', 'ready', 'unloading', 'unloaded', 'failed')),
    CONSTRAINT "placement_epoch_positive" CHECK ("epoch" > 0),
    CONSTRAINT "placement_failures_natural" CHECK ("failures" >= 0),
    -- A failure is told exactly while the placement has failed.
    CONSTRAINT "placement_failure_told" CHECK (("state" = 'failed') = ("failure" IS NOT NULL))
);

-- CreateTable
CREATE TABLE "compute"."placement_snapshot" (
    "snapshot_id" BIGSERIAL NOT NULL,
    "placement_id" UUID NOT NULL,
    "epoch" INTEGER NOT NULL,
    "previous_state" TEXT,
    "state" TEXT NOT NULL,
    "wanted" TEXT NOT NULL,
    "reason" TEXT NOT NULL,
    "accepted" BOOLEAN NOT NULL,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "placement_snapshot_pkey" PRIMARY KEY ("snapshot_id")
);

-- CreateTable
CREATE TABLE "compute"."wish" (
    "model" TEXT NOT NULL,
    "version" TEXT NOT NULL,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "wish_pkey" PRIMARY KEY ("model", "version")
);

-- CreateIndex
CREATE INDEX "placement_state_idx" ON "compute"."placement"("state");

-- CreateIndex
CREATE INDEX "placement_model_placement_id_idx" ON "compute"."placement"("model", "placement_id");

-- CreateIndex
CREATE UNIQUE INDEX "placement_node_id_model_version_key" ON "compute"."placement"("node_id", "model", "version");

-- CreateIndex
CREATE INDEX "placement_snapshot_placement_id_snapshot_id_idx" ON "compute"."placement_snapshot"("placement_id", "snapshot_id");

-- AddForeignKey
ALTER TABLE "compute"."placement_snapshot" ADD CONSTRAINT "placement_snapshot_placement_id_fkey" FOREIGN KEY ("placement_id") REFERENCES "compute"."placement"("placement_id") ON DELETE RESTRICT ON UPDATE RESTRICT;

-- Snapshots are history: the database refuses to rewrite it.
CREATE FUNCTION "compute"."refuse_change_of_history"() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'placement snapshots are append-only' USING ERRCODE = 'restrict_violation';
END
$$;

CREATE TRIGGER "placement_snapshot_append_only" BEFORE UPDATE OR DELETE ON "compute"."placement_snapshot"
    FOR EACH ROW EXECUTE FUNCTION "compute"."refuse_change_of_history"();
