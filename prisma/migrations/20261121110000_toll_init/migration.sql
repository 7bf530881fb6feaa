CREATE SCHEMA IF NOT EXISTS "toll";

-- Tables -------------------------------------------------------------------------------------------------------------

CREATE TABLE "toll"."account" (
  "id" BIGSERIAL NOT NULL,
  "owner" TEXT NOT NULL,
  "asset" TEXT NOT NULL,
  "balance_micro" BIGINT NOT NULL DEFAULT 0,
  "held_micro" BIGINT NOT NULL DEFAULT 0,
  "floor_micro" BIGINT NOT NULL DEFAULT 0,
  "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
  CONSTRAINT "account_pkey" PRIMARY KEY ("id"),
  CONSTRAINT "account_owner_check" CHECK ("owner" ~ '^(issuance|revenue|person:[0-9a-f-]{36}|(peer|node):[A-Za-z0-9_-]{43})$'),
  CONSTRAINT "account_asset_check" CHECK ("asset" ~ '^[a-z][a-z0-9-]{0,31}$'),
  CONSTRAINT "account_held_check" CHECK ("held_micro" >= 0),
  -- The limit: what is set aside counts as spent.
  CONSTRAINT "account_limit_check" CHECK ("balance_micro" - "held_micro" >= "floor_micro")
) WITH (fillfactor = 50);
CREATE UNIQUE INDEX "account_owner_asset_key" ON "toll"."account" ("owner", "asset");
CREATE UNIQUE INDEX "account_id_asset_key" ON "toll"."account" ("id", "asset");

CREATE TABLE "toll"."hold" (
  "id" UUID NOT NULL,
  "kind" TEXT NOT NULL,
  "account_id" BIGINT NOT NULL,
  "payee_account_id" BIGINT NOT NULL,
  "asset" TEXT NOT NULL,
  "person_id" UUID NOT NULL,
  "source" TEXT NOT NULL,
  "digest" TEXT NOT NULL,
  "amount_micro" BIGINT NOT NULL,
  "captured_micro" BIGINT NOT NULL DEFAULT 0,
  "state" TEXT NOT NULL DEFAULT 'pending',
  "used_micro" BIGINT NOT NULL DEFAULT 0,
  "used_n" INTEGER NOT NULL DEFAULT 0,
  "posted_n" INTEGER NOT NULL DEFAULT 0,
  "expires_at" TIMESTAMPTZ(3) NOT NULL,
  "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT clock_timestamp(),
  "settled_at" TIMESTAMPTZ(3),
  CONSTRAINT "hold_pkey" PRIMARY KEY ("id"),
  CONSTRAINT "hold_kind_check" CHECK ("kind" IN ('transfer', 'block')),
  CONSTRAINT "hold_state_check" CHECK ("state" IN ('pending', 'posted', 'voided')),
  CONSTRAINT "hold_parties_check" CHECK ("account_id" <> "payee_account_id"),
  CONSTRAINT "hold_amount_check" CHECK ("amount_micro" > 0),
  CONSTRAINT "hold_captured_check" CHECK ("captured_micro" BETWEEN 0 AND "amount_micro"),
  CONSTRAINT "hold_settled_check" CHECK (("state" = 'pending') = ("settled_at" IS NULL)),
  CONSTRAINT "hold_posted_check" CHECK ("state" <> 'posted' OR "captured_micro" > 0),
  CONSTRAINT "hold_voided_check" CHECK ("state" <> 'voided' OR "captured_micro" = 0),
  -- A transfer is captured once and wholly: before that nothing of it has moved.
  CONSTRAINT "hold_transfer_check" CHECK ("kind" <> 'transfer'
    OR ("used_micro" = 0 AND "used_n" = 0 AND "posted_n" = 0 AND ("state" <> 'pending' OR "captured_micro" = 0))),
  -- A block's usage never passes its amount, and it is given back only after all its usage is posted.
  CONSTRAINT "hold_block_check" CHECK ("kind" <> 'block'
    OR ("captured_micro" <= "used_micro" AND "used_micro" <= "amount_micro" AND "posted_n" BETWEEN 0 AND "used_n"
        AND ("state" = 'pending' OR ("captured_micro" = "used_micro" AND "posted_n" = "used_n"))))
) WITH (fillfactor = 50);
CREATE INDEX "hold_person_id_state_idx" ON "toll"."hold" ("person_id", "state");
-- What the poster and the expiry look through. Counters stay out of it, so that recording usage updates in place.
CREATE INDEX "hold_pending_idx" ON "toll"."hold" ("id") WHERE "state" = 'pending';

CREATE TABLE "toll"."transfer" (
  "id" UUID NOT NULL,
  "kind" TEXT NOT NULL,
  "asset" TEXT NOT NULL,
  "amount_micro" BIGINT NOT NULL,
  "memo" TEXT NOT NULL DEFAULT '',
  "initiator" TEXT NOT NULL,
  "digest" TEXT NOT NULL,
  "block_id" UUID,
  "from_n" INTEGER,
  "to_n" INTEGER,
  "posted_at" TIMESTAMPTZ(3) NOT NULL DEFAULT clock_timestamp(),
  CONSTRAINT "transfer_pkey" PRIMARY KEY ("id"),
  CONSTRAINT "transfer_kind_check" CHECK ("kind" IN ('opening', 'grant', 'usage', 'capture', 'refund')),
  CONSTRAINT "transfer_amount_check" CHECK ("amount_micro" > 0),
  CONSTRAINT "transfer_usage_check" CHECK (("kind" = 'usage') = ("block_id" IS NOT NULL)
    AND ("block_id" IS NULL) = ("from_n" IS NULL) AND ("block_id" IS NULL) = ("to_n" IS NULL)
    AND ("from_n" IS NULL OR "from_n" BETWEEN 1 AND "to_n"))
);
CREATE UNIQUE INDEX "transfer_id_asset_key" ON "toll"."transfer" ("id", "asset");
CREATE INDEX "transfer_block_id_from_n_idx" ON "toll"."transfer" ("block_id", "from_n");

CREATE TABLE "toll"."entry" (
  "id" BIGSERIAL NOT NULL,
  "transfer_id" UUID NOT NULL,
  "account_id" BIGINT NOT NULL,
  "asset" TEXT NOT NULL,
  "amount_micro" BIGINT NOT NULL,
  "balance_after_micro" BIGINT NOT NULL,
  CONSTRAINT "entry_pkey" PRIMARY KEY ("id"),
  CONSTRAINT "entry_amount_check" CHECK ("amount_micro" <> 0)
);
CREATE UNIQUE INDEX "entry_transfer_id_account_id_key" ON "toll"."entry" ("transfer_id", "account_id");
CREATE INDEX "entry_account_id_id_idx" ON "toll"."entry" ("account_id", "id");

CREATE TABLE "toll"."usage" (
  "source" TEXT NOT NULL,
  "usage_id" UUID NOT NULL,
  "block_id" UUID NOT NULL,
  "n" INTEGER NOT NULL,
  "person_id" UUID NOT NULL,
  "kind" TEXT NOT NULL,
  "model" TEXT NOT NULL,
  "input_bytes" BIGINT NOT NULL,
  "amount_micro" BIGINT NOT NULL,
  "outcome" TEXT NOT NULL,
  "occurred_at" TIMESTAMPTZ(3) NOT NULL,
  CONSTRAINT "usage_pkey" PRIMARY KEY ("source", "usage_id"),
  CONSTRAINT "usage_amount_check" CHECK ("amount_micro" >= 0)
);
CREATE UNIQUE INDEX "usage_block_id_n_key" ON "toll"."usage" ("block_id", "n");
CREATE INDEX "usage_person_id_usage_id_idx" ON "toll"."usage" ("person_id", "usage_id");

CREATE TABLE "toll"."price_list" (
  "version" INTEGER NOT NULL,
  "document" JSONB NOT NULL,
  "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT clock_timestamp(),
  CONSTRAINT "price_list_pkey" PRIMARY KEY ("version")
);

-- One asset a transfer: the asset is part of every reference, so a sum over a transfer is a sum of one asset.
ALTER TABLE "toll"."transfer" ADD CONSTRAINT "transfer_block_id_fkey" FOREIGN KEY ("block_id") REFERENCES "toll"."hold" ("id") ON DELETE NO ACTION ON UPDATE NO ACTION;
ALTER TABLE "toll"."entry" ADD CONSTRAINT "entry_transfer_id_asset_fkey" FOREIGN KEY ("transfer_id", "asset") REFERENCES "toll"."transfer" ("id", "asset") ON DELETE NO ACTION ON UPDATE NO ACTION;
ALTER TABLE "toll"."entry" ADD CONSTRAINT "entry_account_id_asset_fkey" FOREIGN KEY ("account_id", "asset") REFERENCES "toll"."account" ("id", "asset") ON DELETE NO ACTION ON UPDATE NO ACTION;
ALTER TABLE "toll"."hold" ADD CONSTRAINT "hold_account_id_asset_fkey" FOREIGN KEY ("account_id", "asset") REFERENCES "toll"."account" ("id", "asset") ON DELETE NO ACTION ON UPDATE NO ACTION;
ALTER TABLE "toll"."hold" ADD CONSTRAINT "hold_payee_account_id_asset_fkey" FOREIGN KEY ("payee_account_id", "asset") REFERENCES "toll"."account" ("id", "asset") ON DELETE NO ACTION ON UPDATE NO ACTION;
ALTER TABLE "toll"."usage" ADD CONSTRAINT "usage_block_id_fkey" FOREIGN KEY ("block_id") REFERENCES "toll"."hold" ("id") ON DELETE NO ACTION ON UPDATE NO ACTION;

-- What no code path can go round ---------------------------------------------------------------------------------------

-- A balance moves by an entry and by nothing else, and the entry keeps what the balance became.
CREATE FUNCTION "toll"."entry_moves_balance"() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  UPDATE toll.account SET balance_micro = balance_micro + NEW.amount_micro
    WHERE id = NEW.account_id RETURNING balance_micro INTO NEW.balance_after_micro;
  RETURN NEW;
END $$;
CREATE TRIGGER "entry_moves_balance" BEFORE INSERT ON "toll"."entry"
  FOR EACH ROW EXECUTE FUNCTION "toll"."entry_moves_balance"();

-- What an account has set aside is what its pending holds have not moved yet.
CREATE FUNCTION "toll"."hold_moves_held"() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  before_micro bigint := 0;
  after_micro bigint := 0;
BEGIN
  IF TG_OP = 'UPDATE' AND OLD.state = 'pending' THEN before_micro := OLD.amount_micro - OLD.captured_micro; END IF;
  IF NEW.state = 'pending' THEN after_micro := NEW.amount_micro - NEW.captured_micro; END IF;
  IF after_micro <> before_micro THEN
    UPDATE toll.account SET held_micro = held_micro + after_micro - before_micro WHERE id = NEW.account_id;
  END IF;
  RETURN NULL;
END $$;
CREATE TRIGGER "hold_moves_held" AFTER INSERT OR UPDATE OF "state", "amount_micro", "captured_micro" ON "toll"."hold"
  FOR EACH ROW EXECUTE FUNCTION "toll"."hold_moves_held"();

-- Only the two triggers above (depth 2 here) may change what an account has.
CREATE FUNCTION "toll"."account_is_moved_by_entries"() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF pg_trigger_depth() < 2 THEN RAISE EXCEPTION 'an account changes by entries and holds only' USING ERRCODE = 'check_violation'; END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER "account_is_moved_by_entries" BEFORE UPDATE ON "toll"."account" FOR EACH ROW
  WHEN (OLD.balance_micro <> NEW.balance_micro OR OLD.held_micro <> NEW.held_micro)
  EXECUTE FUNCTION "toll"."account_is_moved_by_entries"();
CREATE FUNCTION "toll"."account_starts_empty"() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF NEW.balance_micro <> 0 OR NEW.held_micro <> 0 THEN RAISE EXCEPTION 'an account starts empty' USING ERRCODE = 'check_violation'; END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER "account_starts_empty" BEFORE INSERT ON "toll"."account"
  FOR EACH ROW EXECUTE FUNCTION "toll"."account_starts_empty"();

-- At commit a transfer's entries sum to zero and its credits are its amount.
CREATE FUNCTION "toll"."transfer_balances"() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  the_transfer uuid;
  total numeric;
  credits numeric;
BEGIN
  IF TG_TABLE_NAME = 'transfer' THEN the_transfer := NEW.id; ELSE the_transfer := NEW.transfer_id; END IF;
  SELECT coalesce(sum(amount_micro), 0), coalesce(sum(amount_micro) FILTER (WHERE amount_micro > 0), 0)
    INTO total, credits FROM toll.entry WHERE transfer_id = the_transfer;
  IF total <> 0 OR credits <> (SELECT amount_micro FROM toll.transfer WHERE id = the_transfer) THEN
    RAISE EXCEPTION 'transfer % does not balance: sum %, credits %', the_transfer, total, credits USING ERRCODE = 'check_violation';
  END IF;
  RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER "transfer_balances" AFTER INSERT ON "toll"."transfer"
  DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION "toll"."transfer_balances"();
CREATE CONSTRAINT TRIGGER "entry_balances" AFTER INSERT ON "toll"."entry"
  DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION "toll"."transfer_balances"();

-- What has happened stays as it was written.
CREATE FUNCTION "toll"."is_append_only"() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION '%.% is append-only', TG_TABLE_SCHEMA, TG_TABLE_NAME USING ERRCODE = 'check_violation';
END $$;
CREATE TRIGGER "transfer_is_append_only" BEFORE UPDATE OR DELETE ON "toll"."transfer" FOR EACH ROW EXECUTE FUNCTION "toll"."is_append_only"();
CREATE TRIGGER "entry_is_append_only" BEFORE UPDATE OR DELETE ON "toll"."entry" FOR EACH ROW EXECUTE FUNCTION "toll"."is_append_only"();
CREATE TRIGGER "usage_is_append_only" BEFORE UPDATE OR DELETE ON "toll"."usage" FOR EACH ROW EXECUTE FUNCTION "toll"."is_append_only"();
CREATE TRIGGER "price_list_is_append_only" BEFORE UPDATE OR DELETE ON "toll"."price_list" FOR EACH ROW EXECUTE FUNCTION "toll"."is_append_only"();

-- Settled is final.
CREATE FUNCTION "toll"."hold_stays_settled"() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'hold % is settled', OLD.id USING ERRCODE = 'check_violation';
END $$;
CREATE TRIGGER "hold_stays_settled" BEFORE UPDATE ON "toll"."hold" FOR EACH ROW
  WHEN (OLD.state <> 'pending') EXECUTE FUNCTION "toll"."hold_stays_settled"();
CREATE TRIGGER "hold_is_kept" BEFORE DELETE ON "toll"."hold" FOR EACH ROW EXECUTE FUNCTION "toll"."is_append_only"();

-- The ledger's operations. Each is one statement for its caller, so it happens wholly or not at all, whatever dies.
-- Lock order everywhere: holds by id, then accounts by id. Refusals are answers (`code`), never exceptions. ------------

CREATE FUNCTION "toll"."new_id"() RETURNS uuid LANGUAGE sql VOLATILE AS $$
  -- UUIDv7 (RFC 9562), for servers older than PostgreSQL 18.
  SELECT encode(set_bit(set_bit(overlay(uuid_send(gen_random_uuid())
    PLACING substring(int8send(floor(extract(epoch FROM clock_timestamp()) * 1000)::bigint) FROM 3) FROM 1 FOR 6), 52, 1), 53, 1), 'hex')::uuid
$$;

CREATE FUNCTION "toll"."account_of"(p_owner text, p_asset text) RETURNS bigint LANGUAGE plpgsql AS $$
-- The account's id, made on first use. Persons' accounts are only made by open_purse.
DECLARE
  found_id bigint;
BEGIN
  SELECT id INTO found_id FROM toll.account WHERE owner = p_owner AND asset = p_asset;
  IF found_id IS NULL AND p_owner NOT LIKE 'person:%' THEN
    -- Issuance is where money comes from: its balance is minus all that was ever issued.
    INSERT INTO toll.account (owner, asset, floor_micro)
      VALUES (p_owner, p_asset, CASE WHEN p_owner = 'issuance' THEN -4000000000000000000 ELSE 0 END)
      ON CONFLICT (owner, asset) DO NOTHING;
    SELECT id INTO found_id FROM toll.account WHERE owner = p_owner AND asset = p_asset;
  END IF;
  RETURN found_id;
END $$;

CREATE FUNCTION "toll"."lock_accounts"(p_ids bigint[]) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  PERFORM 1 FROM toll.account WHERE id = ANY (p_ids) ORDER BY id FOR NO KEY UPDATE;
END $$;

CREATE FUNCTION "toll"."open_purse"(p_person uuid, p_asset text, p_opening bigint)
RETURNS TABLE (balance_micro bigint) LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
  issuance bigint := toll.account_of('issuance', p_asset);
  purse bigint;
  the_transfer uuid := toll.new_id();
BEGIN
  -- Whoever makes the account posts the opening balance, in the same commit; who comes second finds it.
  INSERT INTO toll.account (owner, asset) VALUES ('person:' || p_person, p_asset)
    ON CONFLICT (owner, asset) DO NOTHING RETURNING id INTO purse;
  IF purse IS NOT NULL AND p_opening > 0 THEN
    PERFORM toll.lock_accounts(ARRAY[issuance, purse]);
    INSERT INTO toll.transfer (id, kind, asset, amount_micro, memo, initiator, digest)
      VALUES (the_transfer, 'opening', p_asset, p_opening, 'opening balance', 'toll', '');
    INSERT INTO toll.entry (transfer_id, account_id, asset, amount_micro)
      VALUES (the_transfer, issuance, p_asset, -p_opening), (the_transfer, purse, p_asset, p_opening);
  END IF;
  RETURN QUERY SELECT a.balance_micro FROM toll.account a WHERE a.owner = 'person:' || p_person AND a.asset = p_asset;
END $$;

CREATE FUNCTION "toll"."grant_money"(p_id uuid, p_person uuid, p_asset text, p_amount bigint, p_memo text, p_initiator text, p_digest text)
RETURNS TABLE (code text, balance_micro bigint) LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
  issuance bigint := toll.account_of('issuance', p_asset);
  purse bigint := toll.account_of('person:' || p_person, p_asset);
  first_digest text;
BEGIN
  IF purse IS NULL THEN RETURN QUERY SELECT 'not_found', 0::bigint; RETURN; END IF;
  IF EXISTS (SELECT 1 FROM toll.hold h WHERE h.id = p_id) THEN RETURN QUERY SELECT 'conflict', 0::bigint; RETURN; END IF;
  INSERT INTO toll.transfer (id, kind, asset, amount_micro, memo, initiator, digest)
    VALUES (p_id, 'grant', p_asset, p_amount, p_memo, p_initiator, p_digest) ON CONFLICT (id) DO NOTHING;
  IF NOT FOUND THEN
    SELECT t.digest INTO first_digest FROM toll.transfer t WHERE t.id = p_id;
    IF first_digest <> p_digest THEN RETURN QUERY SELECT 'conflict', 0::bigint; RETURN; END IF;
  ELSE
    PERFORM toll.lock_accounts(ARRAY[issuance, purse]);
    INSERT INTO toll.entry (transfer_id, account_id, asset, amount_micro)
      VALUES (p_id, issuance, p_asset, -p_amount), (p_id, purse, p_asset, p_amount);
  END IF;
  RETURN QUERY SELECT 'ok', e.balance_after_micro FROM toll.entry e WHERE e.transfer_id = p_id AND e.account_id = purse;
END $$;

CREATE FUNCTION "toll"."place_hold"(p_id uuid, p_person uuid, p_payee text, p_asset text, p_amount bigint,
  p_expires timestamptz, p_source text, p_digest text)
RETURNS TABLE (code text, state text, amount_micro bigint) LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
  purse bigint := toll.account_of('person:' || p_person, p_asset);
  payee bigint;
  available bigint;
BEGIN
  IF EXISTS (SELECT 1 FROM toll.hold h WHERE h.id = p_id) THEN
    RETURN QUERY SELECT CASE WHEN h.digest = p_digest AND h.kind = 'transfer' THEN 'ok' ELSE 'conflict' END, h.state,
      CASE WHEN h.state = 'posted' THEN h.captured_micro ELSE h.amount_micro END FROM toll.hold h WHERE h.id = p_id;
    RETURN;
  END IF;
  IF EXISTS (SELECT 1 FROM toll.transfer t WHERE t.id = p_id) THEN RETURN QUERY SELECT 'conflict', '', 0::bigint; RETURN; END IF;
  payee := toll.account_of(p_payee, p_asset);
  IF purse IS NULL OR payee IS NULL THEN RETURN QUERY SELECT 'not_found', '', 0::bigint; RETURN; END IF;
  IF purse = payee OR p_expires <= clock_timestamp() THEN RETURN QUERY SELECT 'invalid_request', '', 0::bigint; RETURN; END IF;
  PERFORM toll.lock_accounts(ARRAY[purse]);
  -- The same hold may have been placed while this one waited for the purse.
  IF EXISTS (SELECT 1 FROM toll.hold h WHERE h.id = p_id) THEN
    RETURN QUERY SELECT * FROM toll.place_hold(p_id, p_person, p_payee, p_asset, p_amount, p_expires, p_source, p_digest);
    RETURN;
  END IF;
  SELECT a.balance_micro - a.held_micro - a.floor_micro INTO available FROM toll.account a WHERE a.id = purse;
  IF available < p_amount THEN RETURN QUERY SELECT 'purse_empty', '', available; RETURN; END IF;
  INSERT INTO toll.hold (id, kind, account_id, payee_account_id, asset, person_id, source, digest, amount_micro, expires_at)
    VALUES (p_id, 'transfer', purse, payee, p_asset, p_person, p_source, p_digest, p_amount, p_expires)
    ON CONFLICT (id) DO NOTHING;
  IF NOT FOUND THEN
    -- Another person's, placed under the same id at the same time.
    RETURN QUERY SELECT * FROM toll.place_hold(p_id, p_person, p_payee, p_asset, p_amount, p_expires, p_source, p_digest);
    RETURN;
  END IF;
  RETURN QUERY SELECT 'ok', 'pending', p_amount;
END $$;

CREATE FUNCTION "toll"."capture_hold"(p_id uuid, p_amount bigint)
RETURNS TABLE (code text, state text, amount_micro bigint) LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
  h toll.hold;
BEGIN
  SELECT * INTO h FROM toll.hold x WHERE x.id = p_id AND x.kind = 'transfer' FOR NO KEY UPDATE;
  IF NOT FOUND THEN RETURN QUERY SELECT 'transfer_unknown', '', 0::bigint; RETURN; END IF;
  IF h.state = 'posted' THEN
    RETURN QUERY SELECT CASE WHEN h.captured_micro = p_amount THEN 'ok' ELSE 'conflict' END, h.state, h.captured_micro;
    RETURN;
  END IF;
  -- The wall clock and not the transaction's start: it may have waited for the row.
  IF h.state = 'pending' AND h.expires_at <= clock_timestamp() THEN
    UPDATE toll.hold SET state = 'voided', settled_at = clock_timestamp() WHERE id = p_id;
    h.state := 'voided';
  END IF;
  IF h.state = 'voided' THEN RETURN QUERY SELECT 'transfer_settled', h.state, h.amount_micro; RETURN; END IF;
  IF p_amount > h.amount_micro THEN RETURN QUERY SELECT 'amount_invalid', h.state, h.amount_micro; RETURN; END IF;
  PERFORM toll.lock_accounts(ARRAY[h.account_id, h.payee_account_id]);
  -- First let go, then move: at no instant is more set aside than there is.
  UPDATE toll.hold SET state = 'posted', captured_micro = p_amount, settled_at = clock_timestamp() WHERE id = p_id;
  INSERT INTO toll.transfer (id, kind, asset, amount_micro, initiator, digest)
    VALUES (p_id, 'capture', h.asset, p_amount, h.source, h.digest);
  INSERT INTO toll.entry (transfer_id, account_id, asset, amount_micro)
    VALUES (p_id, h.account_id, h.asset, -p_amount), (p_id, h.payee_account_id, h.asset, p_amount);
  RETURN QUERY SELECT 'ok', 'posted', p_amount;
END $$;

CREATE FUNCTION "toll"."void_hold"(p_id uuid) RETURNS TABLE (code text, state text, amount_micro bigint) LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
  h toll.hold;
BEGIN
  SELECT * INTO h FROM toll.hold x WHERE x.id = p_id AND x.kind = 'transfer' FOR NO KEY UPDATE;
  IF NOT FOUND THEN RETURN QUERY SELECT 'transfer_unknown', '', 0::bigint; RETURN; END IF;
  IF h.state = 'posted' THEN RETURN QUERY SELECT 'transfer_settled', h.state, h.captured_micro; RETURN; END IF;
  IF h.state = 'pending' THEN UPDATE toll.hold SET state = 'voided', settled_at = clock_timestamp() WHERE id = p_id; END IF;
  RETURN QUERY SELECT 'ok', 'voided', h.amount_micro;
END $$;

CREATE FUNCTION "toll"."draw_block"(p_id uuid, p_person uuid, p_asset text, p_at_least bigint, p_wanted bigint,
  p_source text, p_ttl_ms integer)
RETURNS TABLE (code text, amount_micro bigint, expires_at timestamptz) LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
  h toll.hold;
  purse bigint;
  revenue bigint;
  available bigint;
  given bigint;
  until timestamptz := clock_timestamp() + make_interval(secs => p_ttl_ms / 1000.0);
  locked boolean;
BEGIN
  SELECT * INTO h FROM toll.hold x WHERE x.id = p_id FOR NO KEY UPDATE;
  locked := FOUND;
  IF NOT locked THEN
    purse := toll.account_of('person:' || p_person, p_asset);
    IF purse IS NULL THEN RETURN QUERY SELECT 'not_found', 0::bigint, NULL::timestamptz; RETURN; END IF;
    revenue := toll.account_of('revenue', p_asset);
    PERFORM toll.lock_accounts(ARRAY[purse]);
    SELECT * INTO h FROM toll.hold x WHERE x.id = p_id;
    IF NOT FOUND THEN
      SELECT a.balance_micro - a.held_micro - a.floor_micro INTO available FROM toll.account a WHERE a.id = purse;
      IF available < p_at_least THEN RETURN QUERY SELECT 'purse_empty', available, NULL::timestamptz; RETURN; END IF;
      given := least(p_wanted, available);
      INSERT INTO toll.hold (id, kind, account_id, payee_account_id, asset, person_id, source, digest, amount_micro, expires_at)
        VALUES (p_id, 'block', purse, revenue, p_asset, p_person, p_source, '', given, until) ON CONFLICT (id) DO NOTHING;
      IF FOUND THEN RETURN QUERY SELECT 'ok', given, until; RETURN; END IF;
      SELECT * INTO h FROM toll.hold x WHERE x.id = p_id;
    END IF;
  END IF;
  IF h.kind <> 'block' OR h.person_id <> p_person OR h.asset <> p_asset THEN
    RETURN QUERY SELECT 'conflict', 0::bigint, NULL::timestamptz; RETURN;
  END IF;
  IF h.source <> p_source THEN RETURN QUERY SELECT 'caller_not_allowed', 0::bigint, NULL::timestamptz; RETURN; END IF;
  IF h.state <> 'pending' THEN RETURN QUERY SELECT 'transfer_settled', h.amount_micro, h.expires_at; RETURN; END IF;
  -- Asked again by its holder: it is alive, so the block lives on. Drawn by another call a moment ago it is fresh, and
  -- its row must not be locked after the purse.
  IF locked THEN
    UPDATE toll.hold x SET expires_at = greatest(x.expires_at, until) WHERE x.id = p_id RETURNING x.expires_at INTO until;
  ELSE
    until := h.expires_at;
  END IF;
  RETURN QUERY SELECT 'ok', h.amount_micro, until;
END $$;

CREATE FUNCTION "toll"."record_usage"(p_sources text[], p_usage_ids uuid[], p_block_ids uuid[], p_person_ids uuid[],
  p_kinds text[], p_models text[], p_input_bytes bigint[], p_amounts bigint[], p_outcomes text[], p_occurred timestamptz[])
RETURNS TABLE (ord integer, code text) LANGUAGE plpgsql AS $$
#variable_conflict use_column
BEGIN
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

CREATE FUNCTION "toll"."post_blocks"(p_ids uuid[], p_close boolean) RETURNS integer LANGUAGE plpgsql AS $$
-- Moves what these blocks' usage has cost, one transfer a block, and gives back the rest where `p_close`. The caller has
-- locked the blocks. Answers the number of transfers.
DECLARE
  due toll.hold[];
  ids uuid[];
BEGIN
  SELECT array_agg(h ORDER BY h.id) INTO due FROM toll.hold h WHERE h.id = ANY (p_ids) AND h.state = 'pending';
  IF due IS NULL THEN RETURN 0; END IF;
  PERFORM toll.lock_accounts(ARRAY(SELECT d.account_id FROM unnest(due) d UNION SELECT d.payee_account_id FROM unnest(due) d));
  SELECT array_agg(toll.new_id()) INTO ids FROM unnest(due) d WHERE d.used_micro > d.captured_micro;
  -- First let go, then move: at no instant is more set aside than there is.
  UPDATE toll.hold h SET captured_micro = h.used_micro, posted_n = h.used_n,
    state = CASE WHEN NOT p_close THEN 'pending' WHEN h.used_micro > 0 THEN 'posted' ELSE 'voided' END,
    settled_at = CASE WHEN p_close THEN clock_timestamp() END
  FROM unnest(due) d WHERE h.id = d.id;
  IF ids IS NULL THEN RETURN 0; END IF;
  WITH posting AS (
    SELECT d.*, ids[row_number() OVER (ORDER BY d.id)] AS transfer_id, d.used_micro - d.captured_micro AS due_micro
    FROM unnest(due) d WHERE d.used_micro > d.captured_micro
  ), moved AS (
    INSERT INTO toll.transfer (id, kind, asset, amount_micro, initiator, digest, block_id, from_n, to_n)
    SELECT p.transfer_id, 'usage', p.asset, p.due_micro, 'toll', '', p.id, p.posted_n + 1, p.used_n FROM posting p
  )
  INSERT INTO toll.entry (transfer_id, account_id, asset, amount_micro)
  SELECT p.transfer_id, side.account_id, p.asset, side.amount FROM posting p
    CROSS JOIN LATERAL (VALUES (p.account_id, -p.due_micro), (p.payee_account_id, p.due_micro)) AS side(account_id, amount)
  ORDER BY p.id, side.amount;
  RETURN cardinality(ids);
END $$;

CREATE FUNCTION "toll"."post_usage"(p_limit integer) RETURNS TABLE (blocks integer, transfers integer) LANGUAGE plpgsql AS $$
DECLARE
  ids uuid[];
BEGIN
  -- One replica posts at a time; the other's turn is already served.
  IF NOT pg_try_advisory_xact_lock(hashtext('toll.post_usage')) THEN RETURN QUERY SELECT 0, 0; RETURN; END IF;
  SELECT array_agg(l.id) INTO ids FROM (
    SELECT h.id FROM toll.hold h WHERE h.state = 'pending' AND h.kind = 'block' AND h.used_n > h.posted_n
    ORDER BY h.id LIMIT p_limit FOR NO KEY UPDATE) l;
  RETURN QUERY SELECT coalesce(cardinality(ids), 0), toll.post_blocks(coalesce(ids, '{}'), false);
END $$;

CREATE FUNCTION "toll"."release_block"(p_id uuid, p_source text) RETURNS TABLE (code text) LANGUAGE plpgsql AS $$
DECLARE
  h toll.hold;
BEGIN
  SELECT * INTO h FROM toll.hold x WHERE x.id = p_id AND x.kind = 'block' FOR NO KEY UPDATE;
  IF NOT FOUND THEN RETURN QUERY SELECT 'transfer_unknown'; RETURN; END IF;
  IF h.source <> p_source THEN RETURN QUERY SELECT 'caller_not_allowed'; RETURN; END IF;
  PERFORM toll.post_blocks(ARRAY[p_id], true);
  RETURN QUERY SELECT 'ok';
END $$;

CREATE FUNCTION "toll"."expire"(p_limit integer, p_now timestamptz) RETURNS TABLE (blocks integer, holds integer) LANGUAGE plpgsql AS $$
-- Gives back what nobody renewed by `p_now`, an instant of this server's clock that the caller found free of jumps.
-- A block's usage is posted first, in the same commit.
DECLARE
  block_ids uuid[];
  hold_ids uuid[];
BEGIN
  IF NOT pg_try_advisory_xact_lock(hashtext('toll.expire')) THEN RETURN QUERY SELECT 0, 0; RETURN; END IF;
  SELECT array_agg(l.id) FILTER (WHERE l.kind = 'block'), array_agg(l.id) FILTER (WHERE l.kind = 'transfer') INTO block_ids, hold_ids
  FROM (SELECT h.id, h.kind FROM toll.hold h WHERE h.state = 'pending' AND h.expires_at <= p_now
    ORDER BY h.id LIMIT p_limit FOR NO KEY UPDATE) l;
  PERFORM toll.lock_accounts(ARRAY(SELECT x.account_id FROM toll.hold x WHERE x.id = ANY (block_ids || hold_ids)
    UNION SELECT x.payee_account_id FROM toll.hold x WHERE x.id = ANY (block_ids)));
  PERFORM toll.post_blocks(coalesce(block_ids, '{}'), true);
  UPDATE toll.hold h SET state = 'voided', settled_at = clock_timestamp() WHERE h.id = ANY (hold_ids);
  RETURN QUERY SELECT coalesce(cardinality(block_ids), 0), coalesce(cardinality(hold_ids), 0);
END $$;

CREATE FUNCTION "toll"."extend_blocks"(p_ms integer) RETURNS integer LANGUAGE plpgsql AS $$
-- After a jump of the clock: what would now be late through no fault of its holder gets that much longer.
DECLARE
  extended integer;
BEGIN
  PERFORM 1 FROM toll.hold h WHERE h.state = 'pending' AND h.kind = 'block' ORDER BY h.id FOR NO KEY UPDATE;
  UPDATE toll.hold h SET expires_at = greatest(h.expires_at, clock_timestamp() + make_interval(secs => p_ms / 1000.0))
    WHERE h.state = 'pending' AND h.kind = 'block';
  GET DIAGNOSTICS extended = ROW_COUNT;
  RETURN extended;
END $$;
