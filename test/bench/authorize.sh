#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# What it costs to decide whether somebody may, with the bindings of hundreds of others, and right after a change of roles.
# shellcheck disable=SC2154 # lib.sh says what is set
. "$(dirname "$0")/lib.sh"
begin

measure "$tool/bench_authorize" "$disk" || die 'the authoriser was not measured'
for n in 0 300 3000; do
    row "authorise: allowed by the last of 13 rules, $n other bindings" "$(figure allowed_$n)" ns '' '' '<= 2000'
    row "authorise: denied, $n other bindings" "$(figure denied_$n)" ns '' '' '<= 2000'
    row "authorise: first decision after a change, $n other bindings" "$(figure after_change_$n)" us
done
end
