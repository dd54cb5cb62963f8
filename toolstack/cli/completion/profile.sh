# Completion of hvctl in login shells where the package bash-completion is not installed; that one loads it by itself.
if [ -n "${BASH_VERSION:-}" ] && [ -z "${BASH_COMPLETION_VERSINFO:-}" ] && [ -n "${PS1:-}" ] &&
    [ -r /usr/share/bash-completion/completions/hvctl ]; then
    . /usr/share/bash-completion/completions/hvctl
fi
