-- The key by which contents are compared without being kept: of its own, so that it outlives the KEK that wraps it.
ALTER TABLE "gateway"."kek_check" ADD COLUMN "wrapped_blind" BYTEA;
