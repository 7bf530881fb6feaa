-- What a ticket was used with, so that the same request, whose answer was lost, is answered again and no other is.
ALTER TABLE "governance"."join_ticket" ADD COLUMN "redeemed_with" TEXT;
ALTER TABLE "governance"."join_ticket" ADD CONSTRAINT "join_ticket_redeemed_with_check"
  CHECK ("redeemed_with" IS NULL OR ("redeemed_at" IS NOT NULL AND "redeemed_with" ~ '^[0-9a-f]{64}$'));
