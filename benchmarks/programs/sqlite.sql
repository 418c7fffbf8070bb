-- A shop's database in memory: the goods are looked up all the time, the orders of past years never.
-- What a row holds follows from its number.

CREATE TABLE goods (id INTEGER PRIMARY KEY, name TEXT, price INTEGER, stock INTEGER, text TEXT);
CREATE TABLE past_orders (id INTEGER PRIMARY KEY, customer TEXT, address TEXT, items TEXT, remark TEXT);

WITH RECURSIVE number(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM number LIMIT 6000)
INSERT INTO goods
SELECT n, printf('article %06d', n), n * 7919 % 9973, n * 104729 % 499,
       printf('Sold since %d; weighs %d g; %x. Sent within %d days.', 2000 + n % 25, n * 31 % 5000, n * n, n % 9)
FROM number;

WITH RECURSIVE number(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM number LIMIT 120000)
INSERT INTO past_orders
SELECT n, printf('customer %06d <customer%06d@example.org>', n * 7919 % 99991, n * 7919 % 99991),
       printf('%d Long Street, Springfield, %05d', n % 300, n * 31 % 99999),
       printf('[{"article":%d,"count":%d,"price":%d},{"article":%d,"count":%d,"price":%d}]',
              n * 104729 % 6000, n % 5, n * 7919 % 9973, n * 15485863 % 6000, n % 7, n * 31 % 9973),
       printf('paid by card %x%x; sent by post; nothing returned', n * 104729, n * 15485863)
FROM number;

.print loaded

WITH RECURSIVE number(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM number LIMIT 400000)
SELECT 'looked up ' || count(*) || ' goods, in stock for ' || sum(price * stock)
FROM number JOIN goods ON goods.id = n * 15485863 % 6000 + 1;

-- Ends at once, with status 0: that is the last byte of 256. Without a number SQLite would first give back
-- its memory page by page, and for that fetch everything that was paged out.
.exit 256
