-- Tells a wrong key-encryption key from the right one at start.
CREATE TABLE "pod_host"."kek_check" (
    "purpose" TEXT NOT NULL,
    "check_value" BYTEA NOT NULL,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "kek_check_pkey" PRIMARY KEY ("purpose")
);

-- The key of a pod, wrapped. Without one: a pod from before there were any, which the next start of its pod host seals.
ALTER TABLE "pod_host"."pod" ADD COLUMN "wrapped_key" BYTEA;
-- Rises with every change of what lies in the pod, so that a listing that is remembered can be known to hold.
ALTER TABLE "pod_host"."pod" ADD COLUMN "revision" BIGINT NOT NULL DEFAULT 0;

-- What lies plain waits here until the pod host seals it at its next start.
ALTER TABLE "pod_host"."resource" RENAME TO "plain_resource";
ALTER TABLE "pod_host"."plain_resource" RENAME CONSTRAINT "resource_pkey" TO "plain_resource_pkey";
ALTER TABLE "pod_host"."plain_resource" RENAME CONSTRAINT "resource_size_check" TO "plain_resource_size_check";
ALTER TABLE "pod_host"."plain_resource" RENAME CONSTRAINT "resource_sha256_check" TO "plain_resource_sha256_check";
ALTER TABLE "pod_host"."plain_resource" RENAME CONSTRAINT "resource_path_check" TO "plain_resource_path_check";
ALTER TABLE "pod_host"."plain_resource" RENAME CONSTRAINT "resource_pod_id_fkey" TO "plain_resource_pod_id_fkey";
ALTER INDEX "pod_host"."resource_pod_id_sha256_idx" RENAME TO "plain_resource_pod_id_sha256_idx";

-- Path, media type and hash are sealed; the tags are keyed hashes by which a row is found.
CREATE TABLE "pod_host"."resource" (
    "pod_id" UUID NOT NULL,
    "path_tag" BYTEA NOT NULL,
    "content_tag" BYTEA NOT NULL,
    "sealed" BYTEA NOT NULL,
    "size_bytes" BIGINT NOT NULL,
    "modified_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "resource_pkey" PRIMARY KEY ("pod_id","path_tag"),
    CONSTRAINT "resource_size_check" CHECK ("size_bytes" >= 0),
    CONSTRAINT "resource_tags_check" CHECK (length("path_tag") = 32 AND length("content_tag") = 32)
);

CREATE INDEX "resource_pod_id_content_tag_idx" ON "pod_host"."resource"("pod_id", "content_tag");

ALTER TABLE "pod_host"."resource" ADD CONSTRAINT "resource_pod_id_fkey" FOREIGN KEY ("pod_id") REFERENCES "pod_host"."pod"("pod_id") ON DELETE CASCADE ON UPDATE CASCADE;
