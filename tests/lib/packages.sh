# shellcheck shell=bash
# Sourced by examples/quickstart and tests/run: Debian packages, and becoming root for the few steps that need it.

# as_root COMMAND...: runs COMMAND as root, through sudo when this is another user.
as_root() {
    if [[ $(id -u) -eq 0 ]]; then
        "$@"
    elif command -v sudo >/dev/null; then
        sudo --preserve-env=DEBIAN_FRONTEND -- "$@"
    else
        printf '%s\n' "$0: '$1' needs root, and sudo is not installed: run this as root, or install and set up sudo." >&2
        return 1
    fi
}

# install_missing FILE: installs the packages that FILE names, one a line, and that are not there yet.
install_missing() {
    local name missing=()
    if ! command -v apt-get >/dev/null; then
        printf '%s\n' "$0: apt-get is missing. This needs Debian 12 (bookworm)." >&2
        return 1
    fi
    while read -r name; do
        [[ -z $name || $name == '#'* ]] && continue
        [[ $(dpkg-query -W -f '${db:Status-Status}' "$name" 2>/dev/null) == installed ]] || missing+=("$name")
    done <"$1"
    [[ ${#missing[@]} -eq 0 ]] && return 0
    printf '%s\n' "Installing ${#missing[@]} Debian packages: ${missing[*]}" >&2
    export DEBIAN_FRONTEND=noninteractive
    # An update that fails for one foreign source must not stop us: the install below says what cannot be had.
    as_root apt-get -q -o DPkg::Lock::Timeout=600 update >&2 || printf '%s\n' "apt-get update failed; going on with the lists that are there." >&2
    as_root apt-get -q -o DPkg::Lock::Timeout=600 install -y --no-install-recommends "${missing[@]}" >&2
}
