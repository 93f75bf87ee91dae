#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The registry alone on a disk, without the API: durable puts, a list, a get, the file opened again.
# shellcheck disable=SC2154 # lib.sh says what is set
. "$(dirname "$0")/lib.sh"
begin

measure "$tool/bench_registry" "$disk" || die 'the registry was not measured'
row 'registry: durable puts, 1 client' "$(figure put_1)" /s
row 'registry: durable puts, 64 clients' "$(figure put_64)" /s
row 'registry: commits written at once, 64 clients' "$(figure group_64)" commits '' '' '>= 8'
row 'registry: get' "$(figure get)" us
row 'registry: list of 10,000' "$(figure list_10000)" us
row 'registry: open a file of 10,000' "$(figure open_10000)" us
end
