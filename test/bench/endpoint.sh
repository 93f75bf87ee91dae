#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The endpoint table alone: what a change, a lookup and a service cost.
# shellcheck disable=SC2154 # lib.sh says what is set
. "$(dirname "$0")/lib.sh"
begin

# The number that follows MARK in the line "endpoint WHAT services=N ...".
value_of() { # WHAT N MARK
    sed -nE "s/^endpoint $1 +services=$2 +$3([0-9.]+) .*$/\1/p" "$scratch/figures"
}

measure "$tool/bench_endpoint" || die 'the endpoint table was not measured'
for n in 10 1000 10000; do
    row "endpoint table: one endpoint replaced (p99), $n services" "$(value_of 'one endpoint replaced' $n '.*p99=')" us
done
row 'endpoint table: lookup by address, 10,000 services' "$(value_of 'lookup by address' 10000 '')" ns
row 'endpoint table: memory of a service of 3 endpoints' "$(value_of memory 10000 '')" bytes '' '' '<= 2048'
end
