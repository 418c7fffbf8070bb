-- Fills the store, always with the same values. Memory is taken in this order.
local ROOMS, LATEST, ARCHIVE = 2400, 8000, 54000

local seed = 1
local function random(limit)
  seed = seed * 16807 % 2147483647
  return seed % limit
end

local function token()
  return string.format('%08x%08x%08x%08x', random(2^31), random(2^31), random(2^31), random(2^31))
end

-- As compressible as such texts are: names repeat, numbers don't.
local MESSAGE = '{"message":%d,"room":"room:%012d","from":{"user":"user%05d","mail":"user%05d@example.org",' ..
  '"language":"en","status":"away"},"token":"%s","sent":"2024-01-01T%02d:%02d:%02dZ","edited":false,' ..
  '"text":"See you at %d Long Street, number %d or %d, before %d o\'clock; bring %d and %d with you.",' ..
  '"reactions":[{"kind":"like","count":%d},{"kind":"laugh","count":%d}],"attachments":[],"replies":[%d,%d]}'

local function message(number)
  local user, n = random(100000), random
  return string.format(MESSAGE, number, n(ROOMS), user, user, token(), n(24), n(60), n(60),
    n(9999), n(9999), n(9999), n(24), n(9999), n(9999), n(99), n(99), n(9999), n(9999))
end

for number = 0, ROOMS - 1 do
  redis.call('XADD', string.format('room:%012d', number), '*', 'latest', token())
end
for number = 0, LATEST - 1 do
  redis.call('SET', string.format('latest:%012d', number), message(number))
end
for number = 0, ARCHIVE - 1 do
  redis.call('SET', string.format('archive:%012d', number), message(number))
end
