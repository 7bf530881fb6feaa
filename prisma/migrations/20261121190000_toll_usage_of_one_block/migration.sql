-- Usage of one block in one commit, which most batches are, is recorded without judging each event by itself. Everything else
-- goes the way it went before: both ways answer the same. The settings are those of the function as it was; see the
-- migration that introduced them.
CREATE OR REPLACE FUNCTION "toll"."record_usage"(p_sources text[], p_usage_ids uuid[], p_block_ids uuid[], p_person_ids uuid[],
  p_kinds text[], p_models text[], p_input_bytes bigint[], p_amounts bigint[], p_outcomes text[], p_occurred timestamptz[])
RETURNS TABLE (ord integer, code text) LANGUAGE plpgsql
SET enable_seqscan TO off SET enable_hashjoin TO off SET enable_mergejoin TO off SET plan_cache_mode TO force_generic_plan
AS $$
#variable_conflict use_column
DECLARE
  total numeric := (SELECT sum(a) FROM unnest(p_amounts) a);
  recorded integer;
BEGIN
  IF p_block_ids[1] = ALL (p_block_ids) AND p_sources[1] = ALL (p_sources) AND p_person_ids[1] = ALL (p_person_ids) THEN
    WITH block AS (
      UPDATE toll.hold h SET used_micro = h.used_micro + total::bigint, used_n = h.used_n + cardinality(p_usage_ids)
      WHERE h.id = p_block_ids[1] AND h.kind = 'block' AND h.state = 'pending' AND h.source = p_sources[1]
        AND h.person_id = p_person_ids[1] AND h.used_micro + total <= h.amount_micro
        AND NOT EXISTS (SELECT 1 FROM toll.usage u WHERE u.source = p_sources[1] AND u.usage_id = ANY (p_usage_ids))
      RETURNING h.used_n - cardinality(p_usage_ids) AS before_n
    )
    INSERT INTO toll.usage (source, usage_id, block_id, n, person_id, kind, model, input_bytes, amount_micro, outcome, occurred_at)
    SELECT p_sources[1], e.usage_id, p_block_ids[1], block.before_n + e.ord, p_person_ids[1], e.kind, e.model, e.input_bytes,
      e.amount_micro, e.outcome, e.occurred_at
    FROM block, unnest(p_usage_ids, p_kinds, p_models, p_input_bytes, p_amounts, p_outcomes, p_occurred) WITH ORDINALITY
      AS e(usage_id, kind, model, input_bytes, amount_micro, outcome, occurred_at, ord);
    GET DIAGNOSTICS recorded = ROW_COUNT;
    IF recorded > 0 THEN RETURN; END IF;
  END IF;
  -- Whoever spends from a block has its row. The statement after this one sees all that earlier holders committed.
  PERFORM 1 FROM toll.hold h WHERE h.id IN (SELECT DISTINCT unnest(p_block_ids)) ORDER BY h.id FOR NO KEY UPDATE;
  RETURN QUERY
  WITH event AS (
    SELECT * FROM unnest(p_sources, p_usage_ids, p_block_ids, p_person_ids, p_kinds, p_models, p_input_bytes, p_amounts,
      p_outcomes, p_occurred) WITH ORDINALITY
      AS e(source, usage_id, block_id, person_id, kind, model, input_bytes, amount_micro, outcome, occurred_at, ord)
  ), judged AS (
    SELECT e.*, h.used_micro, h.used_n, h.amount_micro AS block_micro, CASE
      WHEN u.usage_id IS NOT NULL THEN CASE
        WHEN u.block_id = e.block_id AND u.person_id = e.person_id AND u.kind = e.kind AND u.model = e.model
          AND u.input_bytes = e.input_bytes AND u.amount_micro = e.amount_micro AND u.outcome = e.outcome THEN 'repeated'
        ELSE 'conflict' END
      WHEN h.id IS NULL OR h.kind <> 'block' THEN 'transfer_unknown'
      WHEN h.source <> e.source THEN 'caller_not_allowed'
      WHEN h.person_id <> e.person_id THEN 'conflict'
      WHEN h.state <> 'pending' THEN 'transfer_settled'
      ELSE 'budget_exhausted' END AS verdict -- unless it fits, which is decided next
    FROM event e
    LEFT JOIN toll.hold h ON h.id = e.block_id
    LEFT JOIN toll.usage u ON u.source = e.source AND u.usage_id = e.usage_id
  ), ranked AS (
    -- The smallest first, so that one event beyond the block takes none of its neighbours with it.
    SELECT j.*, sum(j.amount_micro) OVER w AS reach
    FROM judged j WHERE j.verdict = 'budget_exhausted'
    WINDOW w AS (PARTITION BY j.block_id ORDER BY j.amount_micro, j.ord ROWS UNBOUNDED PRECEDING)
  ), accepted AS MATERIALIZED (
    SELECT r.*, row_number() OVER (PARTITION BY r.block_id ORDER BY r.ord) AS place
    FROM ranked r WHERE r.used_micro + r.reach <= r.block_micro
  ), stored AS (
    INSERT INTO toll.usage (source, usage_id, block_id, n, person_id, kind, model, input_bytes, amount_micro, outcome, occurred_at)
    SELECT a.source, a.usage_id, a.block_id, a.used_n + a.place, a.person_id, a.kind, a.model, a.input_bytes, a.amount_micro,
      a.outcome, a.occurred_at FROM accepted a
  ), spent AS (
    UPDATE toll.hold h SET used_micro = h.used_micro + s.total, used_n = h.used_n + s.events
    FROM (SELECT a.block_id, sum(a.amount_micro)::bigint AS total, count(*)::integer AS events FROM accepted a GROUP BY a.block_id) s
    WHERE h.id = s.block_id
  )
  SELECT j.ord::integer, j.verdict FROM judged j
  WHERE j.verdict <> 'repeated' AND NOT EXISTS (SELECT 1 FROM accepted a WHERE a.ord = j.ord);
END $$;

-- A foreign key looks for the block once a row, which cost more than all the rest of a large batch. Looked for once a
-- statement it holds as well: a hold is never deleted, and here it may not change its id either.
ALTER TABLE "toll"."usage" DROP CONSTRAINT "usage_block_id_fkey";
CREATE FUNCTION "toll"."usage_has_its_block"() RETURNS trigger LANGUAGE plpgsql
SET enable_seqscan TO off SET enable_hashjoin TO off SET enable_mergejoin TO off SET plan_cache_mode TO force_generic_plan AS $$
BEGIN
  IF EXISTS (SELECT 1 FROM (SELECT DISTINCT a.block_id FROM added a) b
    WHERE NOT EXISTS (SELECT 1 FROM toll.hold h WHERE h.id = b.block_id)) THEN
    RAISE EXCEPTION 'usage of a block that does not exist' USING ERRCODE = 'foreign_key_violation';
  END IF;
  RETURN NULL;
END $$;
CREATE TRIGGER "usage_has_its_block" AFTER INSERT ON "toll"."usage" REFERENCING NEW TABLE AS added
  FOR EACH STATEMENT EXECUTE FUNCTION "toll"."usage_has_its_block"();
CREATE FUNCTION "toll"."hold_keeps_its_id"() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'hold % keeps its id', OLD.id USING ERRCODE = 'check_violation';
END $$;
CREATE TRIGGER "hold_keeps_its_id" BEFORE UPDATE OF "id" ON "toll"."hold" FOR EACH ROW
  WHEN (OLD.id <> NEW.id) EXECUTE FUNCTION "toll"."hold_keeps_its_id"();
