-- The statement in this function is planned once a connection, and a plan made while the tables are small reads them
-- from end to end: every call then costs more than the one before, until statistics happen to be gathered. What it
-- looks up has an index, so it is told to use them.
ALTER FUNCTION "toll"."record_usage" SET enable_seqscan TO off;
ALTER FUNCTION "toll"."record_usage" SET enable_hashjoin TO off;
ALTER FUNCTION "toll"."record_usage" SET enable_mergejoin TO off;
-- With those, every plan for the values at hand looks cheaper than one for any values, and planning costs a single event
-- twice what recording it does. There is only one good plan.
ALTER FUNCTION "toll"."record_usage" SET plan_cache_mode TO force_generic_plan;
