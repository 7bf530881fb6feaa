-- The essential allowance, and purses that are closed.

ALTER TABLE "toll"."account" ADD COLUMN "closed_at" TIMESTAMPTZ(3);

ALTER TABLE "toll"."transfer" DROP CONSTRAINT "transfer_kind_check";
ALTER TABLE "toll"."transfer" ADD CONSTRAINT "transfer_kind_check"
  CHECK ("kind" IN ('opening', 'grant', 'usage', 'capture', 'refund', 'allowance', 'closing'));

-- One row a day and asset, made by whoever needs it first; its rules stay as they were then.
CREATE TABLE "toll"."allowance_day" (
  "asset" TEXT NOT NULL,
  "day" DATE NOT NULL,
  "pool_micro" BIGINT NOT NULL,
  "share_micro" BIGINT NOT NULL,
  "newcomers_micro" BIGINT NOT NULL,
  "given_micro" BIGINT NOT NULL DEFAULT 0,
  "given_newcomers_micro" BIGINT NOT NULL DEFAULT 0,
  CONSTRAINT "allowance_day_pkey" PRIMARY KEY ("asset", "day"),
  -- The first rule: what a day gives never passes its pool, however many ask.
  CONSTRAINT "allowance_day_pool_check" CHECK ("given_micro" BETWEEN 0 AND "pool_micro"),
  CONSTRAINT "allowance_day_newcomers_check" CHECK ("given_newcomers_micro" BETWEEN 0 AND "newcomers_micro"
    AND "newcomers_micro" <= "pool_micro" AND "given_newcomers_micro" <= "given_micro")
);

CREATE TABLE "toll"."allowance_share" (
  "asset" TEXT NOT NULL,
  "day" DATE NOT NULL,
  "person_id" UUID NOT NULL,
  "limit_micro" BIGINT NOT NULL,
  "given_micro" BIGINT NOT NULL,
  CONSTRAINT "allowance_share_pkey" PRIMARY KEY ("asset", "day", "person_id"),
  CONSTRAINT "allowance_share_limit_check" CHECK ("given_micro" BETWEEN 1 AND "limit_micro")
);
ALTER TABLE "toll"."allowance_share" ADD CONSTRAINT "allowance_share_asset_day_fkey"
  FOREIGN KEY ("asset", "day") REFERENCES "toll"."allowance_day" ("asset", "day") ON DELETE NO ACTION ON UPDATE NO ACTION;

CREATE FUNCTION "toll"."allowance_rules"(p_asset text, p_day date, p_pool bigint, p_least_sharers integer)
RETURNS TABLE (pool_micro bigint, share_micro bigint, newcomers_micro bigint, given_micro bigint, given_newcomers_micro bigint)
LANGUAGE plpgsql AS $$
#variable_conflict use_column
-- The day as it is, or as it would begin: the pool in equal shares for as many as had some of it the day before, and for no
-- fewer than `p_least_sharers`; half of it at most for people who came on the day itself.
BEGIN
  RETURN QUERY SELECT d.pool_micro, d.share_micro, d.newcomers_micro, d.given_micro, d.given_newcomers_micro
    FROM toll.allowance_day d WHERE d.asset = p_asset AND d.day = p_day;
  IF FOUND THEN RETURN; END IF;
  RETURN QUERY SELECT p_pool, p_pool / greatest(p_least_sharers,
      (SELECT count(*) FROM toll.allowance_share s WHERE s.asset = p_asset AND s.day = p_day - 1)), p_pool / 2, 0::bigint, 0::bigint;
END $$;

CREATE FUNCTION "toll"."top_up"(p_person uuid, p_asset text, p_at_least bigint, p_pool bigint, p_least_sharers integer, p_now timestamptz)
RETURNS TABLE (code text, given_micro bigint) LANGUAGE plpgsql AS $$
#variable_conflict use_column
-- Brings an empty purse to `p_at_least` out of the pool of the day (UTC) of `p_now`, or does nothing. Lock order: the day,
-- then accounts by id.
DECLARE
  today date := (p_now AT TIME ZONE 'UTC')::date;
  d toll.allowance_day;
  a toll.account;
  issuance bigint;
  newcomer boolean;
  need bigint;
  had bigint;
  the_transfer uuid := toll.new_id();
BEGIN
  SELECT * INTO a FROM toll.account x WHERE x.owner = 'person:' || p_person AND x.asset = p_asset;
  IF NOT FOUND THEN RETURN QUERY SELECT 'not_found', 0::bigint; RETURN; END IF;
  INSERT INTO toll.allowance_day (asset, day, pool_micro, share_micro, newcomers_micro)
    SELECT p_asset, today, r.pool_micro, r.share_micro, r.newcomers_micro
    FROM toll.allowance_rules(p_asset, today, p_pool, p_least_sharers) r ON CONFLICT (asset, day) DO NOTHING;
  SELECT * INTO d FROM toll.allowance_day x WHERE x.asset = p_asset AND x.day = today FOR NO KEY UPDATE;
  issuance := toll.account_of('issuance', p_asset);
  PERFORM toll.lock_accounts(ARRAY[issuance, a.id]);
  SELECT * INTO a FROM toll.account x WHERE x.id = a.id;
  IF a.closed_at IS NOT NULL THEN RETURN QUERY SELECT 'purse_empty', 0::bigint; RETURN; END IF;
  -- Money in blocks that comes back unused is still the person's, so such a purse is not empty. A block of one request is
  -- a request under way, and is spent.
  SELECT p_at_least - (a.balance_micro - a.held_micro) - coalesce(sum(h.amount_micro - h.used_micro), 0) INTO need
    FROM toll.hold h WHERE h.account_id = a.id AND h.state = 'pending' AND h.kind = 'block' AND h.amount_micro > p_at_least;
  IF need <= 0 THEN RETURN QUERY SELECT 'ok', 0::bigint; RETURN; END IF;
  newcomer := (a.created_at AT TIME ZONE 'UTC')::date >= today;
  SELECT coalesce(sum(s.given_micro), 0) INTO had FROM toll.allowance_share s
    WHERE s.asset = p_asset AND s.day = today AND s.person_id = p_person;
  IF had + need > d.share_micro OR d.given_micro + need > d.pool_micro
    OR (newcomer AND d.given_newcomers_micro + need > d.newcomers_micro) THEN
    RETURN QUERY SELECT 'purse_empty', 0::bigint; RETURN;
  END IF;
  UPDATE toll.allowance_day x SET given_micro = x.given_micro + need,
    given_newcomers_micro = x.given_newcomers_micro + CASE WHEN newcomer THEN need ELSE 0 END
    WHERE x.asset = p_asset AND x.day = today;
  INSERT INTO toll.allowance_share (asset, day, person_id, limit_micro, given_micro)
    VALUES (p_asset, today, p_person, d.share_micro, need)
    ON CONFLICT (asset, day, person_id) DO UPDATE SET given_micro = toll.allowance_share.given_micro + need;
  INSERT INTO toll.transfer (id, kind, asset, amount_micro, memo, initiator, digest)
    VALUES (the_transfer, 'allowance', p_asset, need, 'essential allowance of ' || today, 'toll', '');
  INSERT INTO toll.entry (transfer_id, account_id, asset, amount_micro)
    VALUES (the_transfer, issuance, p_asset, -need), (the_transfer, a.id, p_asset, need);
  RETURN QUERY SELECT 'ok', need;
END $$;

CREATE FUNCTION "toll"."draw_allowance"(p_id uuid, p_person uuid, p_asset text, p_at_least bigint, p_source text, p_ttl_ms integer,
  p_pool bigint, p_least_sharers integer)
RETURNS TABLE (code text, amount_micro bigint, expires_at timestamptz, given_micro bigint) LANGUAGE plpgsql AS $$
#variable_conflict use_column
-- A block for one request, after a plain draw found the purse empty: what is lacking comes from the pool in the same commit,
-- so that no other draw of the person's takes it on the way.
DECLARE
  given record;
BEGIN
  SELECT t.code, t.given_micro INTO given FROM toll.top_up(p_person, p_asset, p_at_least, p_pool, p_least_sharers, clock_timestamp()) t;
  IF given.code <> 'ok' THEN RETURN QUERY SELECT given.code, 0::bigint, NULL::timestamptz, 0::bigint; RETURN; END IF;
  RETURN QUERY SELECT b.code, b.amount_micro, b.expires_at, given.given_micro
    FROM toll.draw_block(p_id, p_person, p_asset, p_at_least, p_at_least, p_source, p_ttl_ms) b;
END $$;

CREATE FUNCTION "toll"."close_purse"(p_person uuid, p_asset text)
RETURNS TABLE (pending integer, returned_micro bigint) LANGUAGE plpgsql AS $$
#variable_conflict use_column
-- Closes a purse for good; what is free goes back to issuance, where it came from. What is still held follows when this is
-- called again after `pending` holds have ended. A person who never had a purse gets one that is closed, so that a late
-- opening finds it.
DECLARE
  purses bigint[];
  a record;
  the_transfer uuid;
  total bigint := 0;
BEGIN
  INSERT INTO toll.account (owner, asset, closed_at) VALUES ('person:' || p_person, p_asset, clock_timestamp())
    ON CONFLICT (owner, asset) DO NOTHING;
  SELECT array_agg(x.id) INTO purses FROM toll.account x WHERE x.owner = 'person:' || p_person;
  PERFORM toll.lock_accounts(purses || ARRAY(SELECT toll.account_of('issuance', x.asset) FROM toll.account x WHERE x.id = ANY (purses)));
  UPDATE toll.account x SET closed_at = clock_timestamp() WHERE x.id = ANY (purses) AND x.closed_at IS NULL;
  FOR a IN SELECT x.id, x.asset, x.balance_micro - x.held_micro AS free FROM toll.account x
    WHERE x.id = ANY (purses) AND x.balance_micro - x.held_micro > 0 ORDER BY x.id
  LOOP
    the_transfer := toll.new_id();
    INSERT INTO toll.transfer (id, kind, asset, amount_micro, memo, initiator, digest)
      VALUES (the_transfer, 'closing', a.asset, a.free, 'account closed', 'toll', '');
    INSERT INTO toll.entry (transfer_id, account_id, asset, amount_micro)
      VALUES (the_transfer, a.id, a.asset, -a.free), (the_transfer, toll.account_of('issuance', a.asset), a.asset, a.free);
    total := total + a.free;
  END LOOP;
  RETURN QUERY SELECT count(*)::integer, total FROM toll.hold h
    WHERE h.state = 'pending' AND (h.account_id = ANY (purses) OR h.payee_account_id = ANY (purses));
END $$;

-- As before, and a closed purse takes no money.
CREATE OR REPLACE FUNCTION "toll"."grant_money"(p_id uuid, p_person uuid, p_asset text, p_amount bigint, p_memo text, p_initiator text, p_digest text)
RETURNS TABLE (code text, balance_micro bigint) LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
  issuance bigint := toll.account_of('issuance', p_asset);
  purse bigint := toll.account_of('person:' || p_person, p_asset);
  first_digest text;
BEGIN
  IF purse IS NULL THEN RETURN QUERY SELECT 'not_found', 0::bigint; RETURN; END IF;
  IF EXISTS (SELECT 1 FROM toll.hold h WHERE h.id = p_id) THEN RETURN QUERY SELECT 'conflict', 0::bigint; RETURN; END IF;
  SELECT t.digest INTO first_digest FROM toll.transfer t WHERE t.id = p_id;
  IF NOT FOUND THEN
    PERFORM toll.lock_accounts(ARRAY[issuance, purse]);
    IF EXISTS (SELECT 1 FROM toll.account a WHERE a.id = purse AND a.closed_at IS NOT NULL) THEN
      RETURN QUERY SELECT 'not_found', 0::bigint; RETURN;
    END IF;
    INSERT INTO toll.transfer (id, kind, asset, amount_micro, memo, initiator, digest)
      VALUES (p_id, 'grant', p_asset, p_amount, p_memo, p_initiator, p_digest) ON CONFLICT (id) DO NOTHING;
    IF FOUND THEN
      INSERT INTO toll.entry (transfer_id, account_id, asset, amount_micro)
        VALUES (p_id, issuance, p_asset, -p_amount), (p_id, purse, p_asset, p_amount);
    ELSE
      SELECT t.digest INTO first_digest FROM toll.transfer t WHERE t.id = p_id;
    END IF;
  END IF;
  IF first_digest <> p_digest THEN RETURN QUERY SELECT 'conflict', 0::bigint; RETURN; END IF;
  RETURN QUERY SELECT 'ok', e.balance_after_micro FROM toll.entry e WHERE e.transfer_id = p_id AND e.account_id = purse;
END $$;
