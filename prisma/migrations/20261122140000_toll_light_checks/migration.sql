-- Postgres reads every CHECK of a table from its text and prepares it anew in each statement that writes to the table, and so
-- it does with the condition of a trigger. Ten of them and a condition were a tenth of what one usage costs. One that calls
-- a function, which a connection prepares once, says the same.
CREATE FUNCTION "toll"."hold_is_sound"(account_id bigint, payee_account_id bigint, kind text, state text, amount_micro bigint,
  captured_micro bigint, used_micro bigint, used_n integer, posted_n integer, settled_at timestamptz)
RETURNS boolean LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
BEGIN
  IF account_id = payee_account_id OR amount_micro <= 0 OR captured_micro < 0 OR captured_micro > amount_micro
    OR (state = 'pending') <> (settled_at IS NULL) THEN RETURN false; END IF;
  -- A block's usage never passes its amount, and it is given back only after all its usage is posted.
  IF kind = 'block' THEN
    IF captured_micro > used_micro OR used_micro > amount_micro OR posted_n < 0 OR posted_n > used_n THEN RETURN false; END IF;
    IF state = 'pending' THEN RETURN true; END IF;
    IF captured_micro <> used_micro OR posted_n <> used_n THEN RETURN false; END IF;
  ELSIF kind = 'transfer' THEN
    -- A transfer is captured once and wholly: before that nothing of it has moved.
    IF used_micro <> 0 OR used_n <> 0 OR posted_n <> 0 THEN RETURN false; END IF;
    IF state = 'pending' THEN RETURN captured_micro = 0; END IF;
  ELSE
    RETURN false;
  END IF;
  RETURN (state = 'posted' AND captured_micro > 0) OR (state = 'voided' AND captured_micro = 0);
END $$;
ALTER TABLE "toll"."hold"
  ADD CONSTRAINT "hold_is_sound" CHECK ("toll"."hold_is_sound"("account_id", "payee_account_id", "kind", "state", "amount_micro",
    "captured_micro", "used_micro", "used_n", "posted_n", "settled_at")),
  DROP CONSTRAINT "hold_kind_check", DROP CONSTRAINT "hold_state_check", DROP CONSTRAINT "hold_parties_check",
  DROP CONSTRAINT "hold_amount_check", DROP CONSTRAINT "hold_captured_check", DROP CONSTRAINT "hold_settled_check",
  DROP CONSTRAINT "hold_posted_check", DROP CONSTRAINT "hold_voided_check", DROP CONSTRAINT "hold_transfer_check",
  DROP CONSTRAINT "hold_block_check";

-- Settled is final. What is left out, "used_micro" and "used_n", cannot change alone: of a settled block they are what was
-- captured and posted, of a transfer zero.
DROP TRIGGER "hold_stays_settled" ON "toll"."hold";
CREATE TRIGGER "hold_stays_settled" BEFORE UPDATE OF "id", "account_id", "payee_account_id", "kind", "asset", "person_id", "source",
  "digest", "amount_micro", "captured_micro", "state", "posted_n", "expires_at", "created_at", "settled_at" ON "toll"."hold"
  FOR EACH ROW WHEN (OLD.state <> 'pending') EXECUTE FUNCTION "toll"."hold_stays_settled"();

-- Found by its key, a block at a time, this look needs no setting but one.
CREATE OR REPLACE FUNCTION "toll"."usage_has_its_block"() RETURNS trigger LANGUAGE plpgsql SET enable_seqscan TO off AS $$
DECLARE
  the_block uuid;
BEGIN
  FOR the_block IN SELECT DISTINCT a.block_id FROM added a LOOP
    PERFORM 1 FROM toll.hold h WHERE h.id = the_block;
    IF NOT FOUND THEN RAISE EXCEPTION 'usage of a block that does not exist' USING ERRCODE = 'foreign_key_violation'; END IF;
  END LOOP;
  RETURN NULL;
END $$;
