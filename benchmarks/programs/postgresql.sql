\set account random_exponential(1, 200000, 20)
SELECT abalance FROM pgbench_accounts WHERE aid = :account;
