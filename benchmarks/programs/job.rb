$stdout.sync = true
records = Array.new(60_000) { |n| "record #{n} " * 40 }
puts 'loaded'
bytes = 0
900.times do |turn|
  20.times { |n| bytes += records[(turn * 3 + n) % 2000].reverse.length }
  bytes += records[(turn * 7919) % records.length].length if turn % 10 == 0
  sleep 0.01
end
puts "done #{bytes}"
