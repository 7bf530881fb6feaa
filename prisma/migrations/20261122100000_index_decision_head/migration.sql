CREATE TABLE "index"."decision_head" (
  "id" SMALLINT NOT NULL,
  "seq" BIGINT NOT NULL,
  "hash" TEXT NOT NULL,
  CONSTRAINT "decision_head_pkey" PRIMARY KEY ("id"),
  CONSTRAINT "decision_head_one_check" CHECK ("id" = 1),
  CONSTRAINT "decision_head_hash_check" CHECK ("hash" ~ '^[0-9a-f]{64}$')
);
