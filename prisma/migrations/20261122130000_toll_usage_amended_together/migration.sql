-- Many amendments in one commit: one after another each waited for the disk, and a call of a hundred for longer than its
-- time while the machine was busy.
CREATE FUNCTION "toll"."amend_usages"(p_source text, p_usage_ids uuid[], p_block_ids uuid[], p_person_ids uuid[], p_kinds text[],
  p_models text[], p_input_bytes bigint[], p_amounts bigint[], p_outcomes text[], p_occurred timestamptz[])
RETURNS TABLE (ord integer, code text) LANGUAGE plpgsql
SET enable_seqscan TO off SET enable_hashjoin TO off SET enable_mergejoin TO off
AS $$
-- Each as by amend_usage, in the order in which they come; answers a row for each that is refused. Lock order: all holds, then
-- all the accounts that refunds may move between; amend_usage then locks what is locked already.
#variable_conflict use_column
DECLARE
  verdict text;
BEGIN
  PERFORM 1 FROM toll.hold h WHERE h.id IN (SELECT DISTINCT unnest(p_block_ids)) ORDER BY h.id FOR NO KEY UPDATE;
  IF EXISTS (SELECT 1 FROM unnest(p_usage_ids) e(usage_id) JOIN toll.usage u ON u.source = p_source AND u.usage_id = e.usage_id
      JOIN toll.hold h ON h.id = u.block_id WHERE u.n <= h.posted_n) THEN
    PERFORM toll.lock_accounts(ARRAY(SELECT a.id FROM toll.hold h
      CROSS JOIN LATERAL (VALUES (h.account_id), (h.payee_account_id), (toll.account_of('issuance', h.asset))) a(id)
      WHERE h.id = ANY (p_block_ids)));
  END IF;
  FOR place IN 1..cardinality(p_usage_ids) LOOP
    SELECT a.code INTO verdict FROM toll.amend_usage(p_source, p_usage_ids[place], p_block_ids[place], p_person_ids[place],
      p_kinds[place], p_models[place], p_input_bytes[place], p_amounts[place], p_outcomes[place], p_occurred[place]) a;
    IF verdict <> 'ok' THEN RETURN QUERY SELECT place, verdict; END IF;
  END LOOP;
END $$;
