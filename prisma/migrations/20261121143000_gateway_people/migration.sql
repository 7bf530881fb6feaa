-- Invitations, the end of a closing, and one more scope that no ordinary key may hold.

CREATE TABLE "gateway"."invitation" (
    "invitation_id" UUID NOT NULL,
    "hash" BYTEA NOT NULL,
    "label" TEXT NOT NULL,
    "created_by" UUID NOT NULL,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "expires_at" TIMESTAMPTZ(3) NOT NULL,
    "revoked_at" TIMESTAMPTZ(3),
    "redeemed_at" TIMESTAMPTZ(3),
    "redeemed_by" UUID,

    CONSTRAINT "invitation_pkey" PRIMARY KEY ("invitation_id"),
    CONSTRAINT "invitation_hash_is_sha256" CHECK (octet_length("hash") = 32),
    CONSTRAINT "invitation_redeemed_by_someone" CHECK (("redeemed_at" IS NULL) = ("redeemed_by" IS NULL)),
    CONSTRAINT "invitation_used_or_revoked" CHECK ("redeemed_at" IS NULL OR "revoked_at" IS NULL)
);
CREATE UNIQUE INDEX "invitation_hash_key" ON "gateway"."invitation"("hash");
CREATE UNIQUE INDEX "invitation_redeemed_by_key" ON "gateway"."invitation"("redeemed_by");
ALTER TABLE "gateway"."invitation" ADD CONSTRAINT "invitation_redeemed_by_fkey"
    FOREIGN KEY ("redeemed_by") REFERENCES "gateway"."person"("person_id") ON DELETE RESTRICT ON UPDATE RESTRICT;

ALTER TABLE "gateway"."person" ADD COLUMN "erased_at" TIMESTAMPTZ(3);
ALTER TABLE "gateway"."person" ADD CONSTRAINT "person_erased_is_closed" CHECK ("erased_at" IS NULL OR "closed_at" IS NOT NULL);

-- Deciding about other people's accounts is deciding about accounts.
UPDATE "gateway"."api_key" SET "scopes" = array_remove("scopes", 'people:manage') WHERE NOT "first";
ALTER TABLE "gateway"."api_key" DROP CONSTRAINT "api_key_ordinary_is_not_guarded";
ALTER TABLE "gateway"."api_key" ADD CONSTRAINT "api_key_ordinary_is_not_guarded"
    CHECK ("first" OR NOT ("scopes" && ARRAY['keys:manage', 'account:manage', 'consents:manage', 'people:manage']));
