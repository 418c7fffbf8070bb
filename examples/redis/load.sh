#!/bin/sh
# 30 users wait for news in 20 rooms each, for up to 90 ms, and ask again: QUESTIONS times in all. Beside
# them, every 3.6 s, someone looks through the latest messages: BURSTS times.
# Usage: load.sh QUESTIONS BURSTS
set -eu
questions=$1
bursts=$2

# redis-benchmark puts a random number, below -r, in the place of each __rand_int__.
room=room:__rand_int__
rooms="$room $room $room $room $room"
rooms="$rooms $rooms $rooms $rooms"
news='$ $ $ $ $'
news="$news $news $news $news"
message=latest:__rand_int__
messages="$message $message $message $message $message $message $message $message"

# shellcheck disable=SC2086  # each is a list of words
redis-benchmark -p 7379 -q -c 30 -n "$questions" -r 2400 XREAD BLOCK 90 STREAMS $rooms $news &
while [ "$bursts" -gt 0 ]; do
    sleep 3.6
    # shellcheck disable=SC2086
    redis-benchmark -p 7379 -q -c 4 -P 8 -n 600 -r 8000 MGET $messages
    bursts=$((bursts - 1))
done
wait "$!"
redis-cli -p 7379 INFO commandstats    # how many questions the server answered
