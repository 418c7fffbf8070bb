const cold = [];
for (let i = 0; i < 20000; i++) cold.push({ id: i, text: ('document ' + i + ' ').repeat(100) });
const hot = new Float64Array(1 << 17);
console.log('loaded');
let rounds = 0;
(function turn() {
  for (let i = 0; i < hot.length; i += 512) hot[i] += i;
  if (rounds % 50 === 0) for (let i = 0; i < 100; i++) cold[(rounds * 7 + i) % 4000].id += 1;
  if (++rounds < 1800) setTimeout(turn, 5);
  else console.log('done', cold.length, hot[512]);
})();
