-- Tells a wrong key-encryption key from the right one at start.
CREATE TABLE "gateway"."kek_check" (
    "purpose" TEXT NOT NULL,
    "check_value" BYTEA NOT NULL,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "kek_check_pkey" PRIMARY KEY ("purpose")
);
