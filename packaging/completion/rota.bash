# bash completion for rota. It asks the program itself (rota … --help), so that it cannot grow stale.

_rota() {
    local word=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]} at path=() usage
    COMPREPLY=()
    # The subcommands so far; options and their values do not name one.
    for ((at = 1; at < COMP_CWORD; at++)); do
        if [[ ${COMP_WORDS[at]} == [a-z]* && ${COMP_WORDS[at - 1]} != --* && ${#path[@]} -lt 2 ]]; then
            path+=("${COMP_WORDS[at]}")
        fi
    done
    usage=$("${COMP_WORDS[0]}" "${path[@]}" --help 2>/dev/null) || return 0
    if [[ $word == -* ]]; then
        mapfile -t COMPREPLY < <(compgen -W "$(grep -oE -- '(^|[^[:alnum:]-])--[a-z0-9][a-z0-9-]*' <<<"$usage" | grep -oE -- '--.*' | sort -u)" -- "$word")
        return 0
    fi
    case $previous in
        --data | --config | --report | --keep | --socket) mapfile -t COMPREPLY < <(compgen -f -- "$word") ;;
        --type) mapfile -t COMPREPLY < <(compgen -W 'A AAAA' -- "$word") ;;
        --address) mapfile -t COMPREPLY < <(compgen -W 'public-ipv4 local-ipv4 ipv6' -- "$word") ;;
        --last) mapfile -t COMPREPLY < <(compgen -W 'remove refuse' -- "$word") ;;
        --log-format) mapfile -t COMPREPLY < <(compgen -W 'key-value json' -- "$word") ;;
        --instance-settings) mapfile -t COMPREPLY < <(compgen -W 'auto always never' -- "$word") ;;
        --log-level) mapfile -t COMPREPLY < <(compgen -W 'debug info warning error' -- "$word") ;;
        *)
            # Subcommands, and the commands of route53, which are indented by a tab.
            mapfile -t COMPREPLY < <(compgen -W "$(sed -n -e '/^Subcommands:/,/^[^ ]/s/^  \([a-z0-9-]*\).*/\1/p' \
                -e 's/^\t\([a-z0-9_]\{1,\}\) .*/\1/p' <<<"$usage")" -- "$word")
            ;;
    esac
}

complete -F _rota rota route53
