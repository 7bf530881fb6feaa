-- CreateSchema
CREATE SCHEMA IF NOT EXISTS "pod_host";

-- CreateTable
CREATE TABLE "pod_host"."pod" (
    "pod_id" UUID NOT NULL,
    "owner_id" UUID NOT NULL,
    "region" TEXT NOT NULL,
    "policy" JSONB NOT NULL,
    "size_bytes" BIGINT NOT NULL DEFAULT 0,
    "resource_count" INTEGER NOT NULL DEFAULT 0,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "pod_pkey" PRIMARY KEY ("pod_id"),
    CONSTRAINT "pod_totals_check" CHECK ("size_bytes" >= 0 AND "resource_count" >= 0)
);

-- CreateTable
CREATE TABLE "pod_host"."resource" (
    "pod_id" UUID NOT NULL,
    -- Byte order, so that a page begins where the last one ended whatever the server's language is.
    "path" TEXT COLLATE "C" NOT NULL,
    "content_type" TEXT NOT NULL,
    "size_bytes" BIGINT NOT NULL,
    "sha256" TEXT NOT NULL,
    "modified_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "resource_pkey" PRIMARY KEY ("pod_id","path"),
    CONSTRAINT "resource_size_check" CHECK ("size_bytes" >= 0),
    CONSTRAINT "resource_sha256_check" CHECK ("sha256" ~ '^[0-9a-f]{64}$'),
    CONSTRAINT "resource_path_check" CHECK (length("path") BETWEEN 1 AND 512)
);

-- CreateTable
CREATE TABLE "pod_host"."gone" (
    "pod_id" UUID NOT NULL,
    "owner_id" UUID NOT NULL,
    "gone_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "gone_pkey" PRIMARY KEY ("pod_id")
);

-- CreateIndex
CREATE INDEX "pod_owner_id_pod_id_idx" ON "pod_host"."pod"("owner_id", "pod_id");

-- CreateIndex
CREATE INDEX "resource_pod_id_sha256_idx" ON "pod_host"."resource"("pod_id", "sha256");

-- AddForeignKey
ALTER TABLE "pod_host"."resource" ADD CONSTRAINT "resource_pod_id_fkey" FOREIGN KEY ("pod_id") REFERENCES "pod_host"."pod"("pod_id") ON DELETE CASCADE ON UPDATE CASCADE;

