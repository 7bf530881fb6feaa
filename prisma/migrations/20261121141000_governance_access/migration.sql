CREATE TABLE "governance"."access" (
  "node_id" TEXT NOT NULL,
  "operator_id" TEXT NOT NULL,
  "services" TEXT[] NOT NULL,
  "redis_password_sha256" TEXT NOT NULL,
  "database_login" TEXT,
  "state" TEXT NOT NULL,
  "granted_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
  "moved_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
  CONSTRAINT "access_pkey" PRIMARY KEY ("node_id"),
  CONSTRAINT "access_node_id_check" CHECK ("node_id" ~ '^[A-Za-z0-9_-]{43}$'),
  CONSTRAINT "access_services_check" CHECK (cardinality("services") > 0),
  CONSTRAINT "access_password_check" CHECK ("redis_password_sha256" ~ '^[0-9a-f]{64}$'),
  CONSTRAINT "access_state_check" CHECK ("state" IN ('active', 'revoked'))
);

CREATE TABLE "governance"."join_ticket" (
  "ticket_sha256" TEXT NOT NULL,
  "node_id" TEXT NOT NULL,
  "services" TEXT[] NOT NULL,
  "issued_by" TEXT NOT NULL,
  "issued_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
  "expires_at" TIMESTAMPTZ(3) NOT NULL,
  "redeemed_at" TIMESTAMPTZ(3),
  "voided_at" TIMESTAMPTZ(3),
  CONSTRAINT "join_ticket_pkey" PRIMARY KEY ("ticket_sha256"),
  CONSTRAINT "join_ticket_hash_check" CHECK ("ticket_sha256" ~ '^[0-9a-f]{64}$'),
  CONSTRAINT "join_ticket_node_id_check" CHECK ("node_id" ~ '^[A-Za-z0-9_-]{43}$'),
  CONSTRAINT "join_ticket_once_check" CHECK ("redeemed_at" IS NULL OR "voided_at" IS NULL)
);
CREATE INDEX "join_ticket_node_id_idx" ON "governance"."join_ticket" ("node_id");
