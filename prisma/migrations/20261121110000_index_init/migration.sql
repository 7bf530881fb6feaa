CREATE SCHEMA IF NOT EXISTS "index";

-- CreateTable
CREATE TABLE "index"."stream" (
    "id" SMALLINT NOT NULL,
    "epoch" UUID NOT NULL,
    "n" BIGINT NOT NULL,
    "pruned_n" BIGINT NOT NULL,

    CONSTRAINT "stream_pkey" PRIMARY KEY ("id"),
    CONSTRAINT "stream_one_row" CHECK ("id" = 1),
    CONSTRAINT "stream_counts_up" CHECK ("pruned_n" >= 0 AND "n" >= "pruned_n")
);

-- CreateTable
CREATE TABLE "index"."node" (
    "node_id" TEXT NOT NULL,
    "operator_id" TEXT NOT NULL,
    "manifest" JSONB NOT NULL,
    "health" TEXT NOT NULL,
    "membership" TEXT NOT NULL,
    "membership_epoch" INTEGER NOT NULL,
    "changed_n" BIGINT NOT NULL,
    "joined_at" TIMESTAMPTZ(3) NOT NULL,
    "last_seen_at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "node_pkey" PRIMARY KEY ("node_id"),
    CONSTRAINT "node_health" CHECK ("health" IN ('alive', 'suspect', 'asleep', 'dead', 'left', 'expelled')),
    CONSTRAINT "node_membership" CHECK ("membership" IN ('admitted', 'paused', 'expelled')),
    CONSTRAINT "node_membership_epoch" CHECK ("membership_epoch" >= 0),
    -- An expelled node is never shown as healthy, whoever writes.
    CONSTRAINT "node_expelled" CHECK (("membership" = 'expelled') = ("health" = 'expelled')),
    CONSTRAINT "node_is_its_manifest" CHECK ("manifest" ->> 'nodeId' = "node_id" AND "manifest" ->> 'operatorId' = "operator_id")
);

-- CreateIndex
CREATE INDEX "node_changed_n_idx" ON "index"."node"("changed_n");
