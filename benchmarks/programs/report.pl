$| = 1;
my %lines;
$lines{$_} = "GET /page/$_ 200 " . ("agent$_ " x 30) for 1 .. 100_000;
print "loaded\n";
my $bytes = 0;
for my $turn (1 .. 1500) {
  $bytes += length $lines{ 99_000 + ($turn * 37 + $_ * 11) % 1000 } for 1 .. 20;
  $bytes += length $lines{ 1 + ($turn * 7919) % 100_000 } if $turn % 20 == 0;
  select undef, undef, undef, 0.006;
}
print "done $bytes\n";
