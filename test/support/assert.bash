# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# What tests say of what they got; each shows both when they differ.

# A bare `!` would fail no test.
not() { # COMMAND...
    if "$@"; then return 1; fi
}

assert_equal() { # GOT WANTED
    [ "$1" = "$2" ] || {
        printf 'got:    %s\nwanted: %s\n' "$1" "$2"
        return 1
    }
}

assert_has() { # TEXT PART
    [[ $1 == *"$2"* ]] || {
        printf 'not in it: %s\n%s\n' "$2" "$1"
        return 1
    }
}

assert_line() { # PATTERN, in $output
    grep -qE -- "$1" <<<"$output" || {
        printf 'no line like %s in:\n%s\n' "$1" "$output"
        return 1
    }
}
