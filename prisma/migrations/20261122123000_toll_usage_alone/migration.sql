-- One usage alone in its commit, as at every quiet moment, without the arrays and the settings of a batch: what it does not
-- take goes the way of a batch, and is answered as there. Its plans need one setting only: each statement finds one row by
-- its key.
CREATE FUNCTION "toll"."record_one_usage"(p_source text, p_usage_id uuid, p_block_id uuid, p_person_id uuid, p_kind text, p_model text,
  p_input_bytes bigint, p_amount bigint, p_outcome text, p_occurred timestamptz)
RETURNS text LANGUAGE plpgsql
SET enable_seqscan TO off
AS $$
#variable_conflict use_column
DECLARE
  the_n integer;
BEGIN
  UPDATE toll.hold h SET used_micro = h.used_micro + p_amount, used_n = h.used_n + 1
    WHERE h.id = p_block_id AND h.kind = 'block' AND h.state = 'pending' AND h.source = p_source AND h.person_id = p_person_id
      AND h.used_micro + p_amount <= h.amount_micro
      AND NOT EXISTS (SELECT 1 FROM toll.usage u WHERE u.source = p_source AND u.usage_id = p_usage_id)
    RETURNING h.used_n INTO the_n;
  IF NOT FOUND THEN
    RETURN (SELECT r.code FROM toll.record_usage(ARRAY[p_source], ARRAY[p_usage_id], ARRAY[p_block_id], ARRAY[p_person_id],
      ARRAY[p_kind], ARRAY[p_model], ARRAY[p_input_bytes], ARRAY[p_amount], ARRAY[p_outcome], ARRAY[p_occurred]) r);
  END IF;
  INSERT INTO toll.usage (source, usage_id, block_id, n, person_id, kind, model, input_bytes, amount_micro, outcome, occurred_at)
    VALUES (p_source, p_usage_id, p_block_id, the_n, p_person_id, p_kind, p_model, p_input_bytes, p_amount, p_outcome, p_occurred);
  RETURN NULL;
END $$;
