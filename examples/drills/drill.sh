# What the drills share: a folder of their own, a daemon in it, and waiting for what is promised. Sourced by each `run`.

PATIENCE_SECONDS=60
here="$(cd "$(dirname "${BASH_SOURCE[1]}")" && pwd)"
PATH="$PATH:$here/../../../.venv/bin" # where scripts/run has installed cdc, if it isn't on the PATH
folder="$(mktemp -d "${TMPDIR:-/tmp}/cdc-drill-XXXXXX")"
cp "$here"/cdc.toml "$here"/*.py "$folder"
cd "$folder"
daemon=""
trap 'if [ -n "$daemon" ]; then kill "$daemon" && wait "$daemon"; fi' EXIT
echo "The files of this drill are in $folder"

say() { printf '\n== %s\n' "$*"; }

run() { # show a command, and run it
    local each line=""
    for each; do
        case "$each" in
        *[!A-Za-z0-9_./:=-]*) line="$line '$each'" ;;
        *) line="$line $each" ;;
        esac
    done
    echo "\$$line"
    "$@"
}

serve() { # start the daemon; its log goes to daemon.log
    echo "\$ cdc serve 2>> daemon.log &"
    : >announcement
    cdc serve --port 0 >announcement 2>>daemon.log &
    daemon=$!
    until_true "the daemon is ready" grep -q "cdc serves" announcement
}

until_true() { # wait until a command succeeds; say what it was waited for if it does not
    local what="$1" end=$((SECONDS + PATIENCE_SECONDS))
    shift
    until "$@"; do
        if [ "$SECONDS" -ge "$end" ]; then fail "$what: not within $PATIENCE_SECONDS s"; fi
        sleep 0.1
    done
}

has_lines() { [ -e "$1" ] && [ "$(wc -l <"$1")" -ge "$2" ]; }

mapping() { # print an expression of Python on `m`, the mapping in `cdc status --json`, and `lane`, its first lane
    cdc status --json | python3 -c "
import json, sys
m = json.load(sys.stdin)['mappings'][0]
lane = next(iter(m['shards']), None)
print($1)"
}

is_so() { [ "$(mapping "$1")" = True ]; }

check() { # say whether a promise holds: a command succeeds
    local what="$1"
    shift
    if "$@"; then echo "ok: $what"; else fail "$what: this does not hold"; fi
}

fail() {
    echo "FAILED: $*" >&2
    exit 1
}
