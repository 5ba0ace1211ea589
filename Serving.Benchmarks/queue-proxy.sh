#!/usr/bin/env bash
# Measures the sidecar as a process: time to the first response, resident memory, CPU per request.
# Usage: queue-proxy.sh PROGRAM... - each a Serving.QueueProxy.dll or a native Serving.QueueProxy. They are measured alternately
# in one run, because only ratios carry over between machines. Needs wrk and curl.
# ROUNDS (default 9): starts of each program; SECONDS_OF_LOAD (default 10): for warm-up and for measurement; CONNECTIONS (default 32).
set -eu
rounds=${ROUNDS:-9} load=${SECONDS_OF_LOAD:-10} connections=${CONNECTIONS:-32}
address=127.97.0.1 user_port=8093
work=$(mktemp -d)
pids=()
trap 'kill "${pids[@]}" 2>/dev/null || true; rm -rf "$work"' EXIT

export SERVING_NAMESPACE=bench SERVING_REVISION=bench SERVING_POD=bench SERVING_POD_IP=$address QUEUE_SERVING_PORT=8012 QUEUE_ADMIN_PORT=8022 \
  QUEUE_METRICS_PORT=9090 USER_PORT=$user_port CONTAINER_CONCURRENCY=0 REVISION_TIMEOUT_SECONDS=300 SERVING_LOGGING_LEVEL=error DRAIN_QUIET_SECONDS=0 \
  SERVING_READINESS_PROBE='{"tcpSocket":{"host":"127.0.0.1","port":'$user_port'},"successThreshold":1}'

dotnet "$(dirname "$0")/bin/Release/net10.0/Serving.Benchmarks.dll" user-container $user_port & pids+=($!)
until curl -sf -o "$work/body" "http://127.0.0.1:$user_port/"; do sleep 0.05; done

launch() { case $1 in *.dll) exec dotnet "$1" ;; *) exec "$1" ;; esac; }
ticks() { awk '{print $14 + $15}' "/proc/$1/stat"; }
resident() { awk '/VmRSS/ {print int($2 / 1024)}' "/proc/$1/status"; }
median() { sort -n | awk '{v[NR] = $1} END {print v[int((NR + 1) / 2)]}'; }

for ((round = 0; round < rounds; round++)); do
  for program; do
    begin=$(date +%s%N)
    launch "$program" & pid=$!
    until curl -sf -o "$work/body" "http://$address:8012/"; do :; done
    echo $(((($(date +%s%N) - begin)) / 1000000)) >>"$work/start.$(echo "$program" | md5sum | cut -c1-8)"
    kill $pid; wait $pid || true
  done
done

printf '%-12s %-10s %-10s %-10s %-12s %s\n' 'first (ms)' 'rest (MB)' 'load (MB)' 'µs CPU/req' 'requests/s' program
for program; do
  launch "$program" & pid=$!; pids+=($pid)
  until curl -sf -o "$work/body" "http://$address:8012/"; do :; done
  sleep 2; rest=$(resident $pid)
  wrk -t1 -c"$connections" -d"$load"s "http://$address:8012/" >"$work/wrk"
  before=$(ticks $pid)
  wrk -t1 -c"$connections" -d"$load"s "http://$address:8012/" >"$work/wrk"
  used=$(($(ticks $pid) - before)) requests=$(awk '/requests in/ {print $1}' "$work/wrk")
  printf '%-12s %-10s %-10s %-10s %-12s %s\n' "$(median <"$work/start.$(echo "$program" | md5sum | cut -c1-8)")" "$rest" "$(resident $pid)" \
    "$(awk -v t=$used -v r="$requests" -v h="$(getconf CLK_TCK)" 'BEGIN {printf "%.1f", t / h * 1e6 / r}')" "$(awk '/Requests\/sec/ {print int($2)}' "$work/wrk")" "$program"
  kill $pid; wait $pid || true
done
