-- Usage is written beside the request that it is for. How a request ended that came to nothing, or cost less than its row says,
-- is written here: usage itself stays as it was written.
CREATE TABLE "toll"."amendment" (
  "source" TEXT NOT NULL,
  "usage_id" UUID NOT NULL,
  "refund_micro" BIGINT NOT NULL,
  "outcome" TEXT NOT NULL,
  "transfer_id" UUID,
  "amended_at" TIMESTAMPTZ(3) NOT NULL DEFAULT clock_timestamp(),
  CONSTRAINT "amendment_pkey" PRIMARY KEY ("source", "usage_id"),
  CONSTRAINT "amendment_refund_check" CHECK ("refund_micro" >= 0 AND ("transfer_id" IS NULL OR "refund_micro" > 0))
);
CREATE UNIQUE INDEX "amendment_transfer_id_key" ON "toll"."amendment" ("transfer_id");
ALTER TABLE "toll"."amendment" ADD CONSTRAINT "amendment_source_usage_id_fkey" FOREIGN KEY ("source", "usage_id") REFERENCES "toll"."usage" ("source", "usage_id") ON DELETE NO ACTION ON UPDATE NO ACTION;
ALTER TABLE "toll"."amendment" ADD CONSTRAINT "amendment_transfer_id_fkey" FOREIGN KEY ("transfer_id") REFERENCES "toll"."transfer" ("id") ON DELETE NO ACTION ON UPDATE NO ACTION;
CREATE TRIGGER "amendment_is_append_only" BEFORE UPDATE OR DELETE ON "toll"."amendment" FOR EACH ROW EXECUTE FUNCTION "toll"."is_append_only"();

CREATE FUNCTION "toll"."amend_usage"(p_source text, p_usage_id uuid, p_block_id uuid, p_person_id uuid, p_kind text, p_model text,
  p_input_bytes bigint, p_amount bigint, p_outcome text, p_occurred timestamptz)
RETURNS TABLE (code text) LANGUAGE plpgsql
SET enable_seqscan TO off SET enable_hashjoin TO off SET enable_mergejoin TO off
AS $$
-- The usage as it ended, under the id of its row. What it costs less goes back into its block while the ledger has not moved
-- for it, and to the purse by a transfer once it has. Usage that was never recorded is recorded as it ended: a row
-- of the same id that arrives later is another event, and is refused. Lock order as everywhere: hold, then accounts.
#variable_conflict use_column
DECLARE
  h toll.hold;
  u toll.usage;
  earlier toll.amendment;
  back bigint;
  issuance bigint;
  payee bigint;
  the_transfer uuid;
BEGIN
  SELECT * INTO h FROM toll.hold x WHERE x.id = p_block_id AND x.kind = 'block' FOR NO KEY UPDATE;
  IF NOT FOUND THEN RETURN QUERY SELECT 'transfer_unknown'; RETURN; END IF;
  IF h.source <> p_source THEN RETURN QUERY SELECT 'caller_not_allowed'; RETURN; END IF;
  SELECT * INTO u FROM toll.usage x WHERE x.source = p_source AND x.usage_id = p_usage_id;
  IF NOT FOUND THEN
    -- A block that is given back takes no row any more: there is nothing to amend, now or later.
    IF h.state <> 'pending' THEN RETURN QUERY SELECT 'ok'; RETURN; END IF;
    RETURN QUERY SELECT coalesce((SELECT r.code FROM toll.record_usage(ARRAY[p_source], ARRAY[p_usage_id], ARRAY[p_block_id],
      ARRAY[p_person_id], ARRAY[p_kind], ARRAY[p_model], ARRAY[p_input_bytes], ARRAY[p_amount], ARRAY[p_outcome],
      ARRAY[p_occurred]) r), 'ok');
    RETURN;
  END IF;
  IF u.block_id <> p_block_id OR u.person_id <> p_person_id OR u.kind <> p_kind OR u.model <> p_model
    OR u.input_bytes <> p_input_bytes THEN
    RETURN QUERY SELECT 'conflict'; RETURN;
  END IF;
  back := u.amount_micro - p_amount;
  IF back < 0 THEN RETURN QUERY SELECT 'amount_invalid'; RETURN; END IF;
  SELECT * INTO earlier FROM toll.amendment x WHERE x.source = p_source AND x.usage_id = p_usage_id;
  IF FOUND THEN
    RETURN QUERY SELECT CASE WHEN earlier.refund_micro = back AND earlier.outcome = p_outcome THEN 'ok' ELSE 'conflict' END;
    RETURN;
  END IF;
  IF back = 0 AND u.outcome = p_outcome THEN RETURN QUERY SELECT 'ok'; RETURN; END IF;
  IF back > 0 AND u.n > h.posted_n THEN
    UPDATE toll.hold x SET used_micro = x.used_micro - back WHERE x.id = p_block_id;
  ELSIF back > 0 THEN
    issuance := toll.account_of('issuance', h.asset);
    PERFORM toll.lock_accounts(ARRAY[h.account_id, h.payee_account_id, issuance]);
    -- To the purse that paid; where it is closed, to where its money went.
    SELECT CASE WHEN a.closed_at IS NULL THEN a.id ELSE issuance END INTO payee FROM toll.account a WHERE a.id = h.account_id;
    IF EXISTS (SELECT 1 FROM toll.account a WHERE a.id = h.payee_account_id AND a.balance_micro - a.held_micro - a.floor_micro < back) THEN
      RETURN QUERY SELECT 'purse_empty'; RETURN;
    END IF;
    the_transfer := toll.new_id();
    INSERT INTO toll.transfer (id, kind, asset, amount_micro, memo, initiator, digest)
      VALUES (the_transfer, 'refund', h.asset, back, '', 'toll', '');
    INSERT INTO toll.entry (transfer_id, account_id, asset, amount_micro)
      VALUES (the_transfer, h.payee_account_id, h.asset, -back), (the_transfer, payee, h.asset, back);
  END IF;
  INSERT INTO toll.amendment (source, usage_id, refund_micro, outcome, transfer_id)
    VALUES (p_source, p_usage_id, back, p_outcome, the_transfer);
  RETURN QUERY SELECT 'ok';
END $$;
