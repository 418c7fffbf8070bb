-- A cold part of 60,000 documents, some 60 MB, and a hot one: a bitmap of 2 MB.
local state = 1
local function random(limit)
  state = state * 16807 % 2147483647
  return state % limit
end
for number = 1, 60000 do
  redis.call('SET', string.format('document:%d', number), string.format(
    '{"user":"user%05d","token":"%08x%08x","basket":[%d,%d,%d],"settings":{"language":"en",' ..
    '"theme":"dark","newsletter":false},"notes":"%s"}',
    random(100000), random(2147483647), random(2147483647), random(9999), random(9999), random(9999),
    string.rep(string.char(97 + random(26)), 700)))
end
redis.call('SETRANGE', 'online', 2 * 1024 * 1024 - 1, 'x')
for _ = 1, 20000 do
  redis.call('SETBIT', 'online', random(16777216), 1)
end
return redis.status_reply('filled')
