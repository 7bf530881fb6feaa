ALTER TABLE "governance"."log" ADD COLUMN "proposal_id" UUID, ADD COLUMN "voter_id" TEXT;
ALTER TABLE "governance"."log"
  DROP CONSTRAINT "log_kind_check",
  DROP CONSTRAINT "log_decision_check",
  ADD CONSTRAINT "log_kind_check" CHECK ("kind" IN ('operator', 'admission', 'decision', 'proposal', 'ballot')),
  ADD CONSTRAINT "log_decision_check" CHECK (("kind" IN ('decision', 'proposal')) = ("decision_id" IS NOT NULL)),
  ADD CONSTRAINT "log_ballot_check" CHECK (
    ("kind" = 'ballot') = ("proposal_id" IS NOT NULL) AND ("kind" = 'ballot') = ("voter_id" IS NOT NULL)
  );
-- One vote an operator a proposal, whoever writes.
CREATE UNIQUE INDEX "log_proposal_id_voter_id_key" ON "governance"."log" ("proposal_id", "voter_id");

-- However a removal was decided: a cluster without an operator could never decide anything again.
CREATE FUNCTION "governance"."an_operator_stays"() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF NOT EXISTS (SELECT 1 FROM governance.operator) THEN
    RAISE EXCEPTION 'the last operator stays' USING ERRCODE = 'check_violation';
  END IF;
  RETURN NULL;
END $$;
CREATE TRIGGER "an_operator_stays" AFTER DELETE ON "governance"."operator"
  FOR EACH STATEMENT EXECUTE FUNCTION "governance"."an_operator_stays"();
