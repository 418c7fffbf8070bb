for n = 0, 39999 do
  redis.call('SET', string.format('document:%012d', n), string.rep('document ' .. n .. ' ', 60))
end
return 'OK'
