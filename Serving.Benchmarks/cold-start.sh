#!/usr/bin/env bash
# Measures cold and warm requests through `local`: a Service at zero is called ROUNDS times (default 10), each time after it has scaled
# back to zero. Prints every measurement and the medians, in milliseconds. Needs kubectl, curl and a Release build.
#   Serving.Benchmarks/cold-start.sh [ROUNDS]
set -euo pipefail
cd "$(dirname "$0")/.."
rounds=${1:-10}; work=$(mktemp -d); api=${API_PORT:-16555}; gateway=${GATEWAY_PORT:-18155}
dotnet Serving.Host/bin/Release/net10.0/Serving.Host.dll local --plain --data-dir "$work/local" --api-port "$api" --gateway-port "$gateway" >"$work/host.log" 2>&1 &
host=$!
trap 'kill -TERM $host; wait $host 2>/dev/null; rm -rf "$work"' EXIT
for _ in $(seq 300); do grep -q 'control plane  ready' "$work/host.log" && break; sleep 0.1; done
export KUBECONFIG=$work/local/kubeconfig
kubectl patch cm config-autoscaler -n knative-serving --type merge -p '{"data":{"scale-to-zero-grace-period":"6s","stable-window":"6s"}}' >/dev/null
kubectl apply -f samples/helloworld.yaml >/dev/null 2>&1
kubectl wait ksvc/hello --for=condition=Ready --timeout=60s >/dev/null
call() { curl -s -o /dev/null -w '%{time_total} %{http_code}\n' -H 'Host: hello.default.localhost' "http://127.0.0.1:$gateway/" | awk '$2 != 200 { exit 1 } { printf "%.1f\n", $1 * 1000 }'; }
median() { sort -n | awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)] }'; }
for round in $(seq "$rounds"); do
  until [ -z "$(kubectl get pods -l serving.knative.dev/service=hello --no-headers 2>/dev/null)" ]; do sleep 0.2; done
  call >>"$work/cold"
  for _ in $(seq 20); do call >>"$work/warm"; done
  echo "round $round  cold $(tail -1 "$work/cold") ms  warm $(tail -20 "$work/warm" | median) ms"
done
echo "median  cold $(median <"$work/cold") ms  warm $(median <"$work/warm") ms"
