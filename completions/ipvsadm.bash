# bash completion for ipvsadm, ipvsadm-save and ipvsadm-restore (Swift Virtual Server)

# The word under the cursor with the colons of addresses in it, which readline takes apart: sets cur and words.
_ipvsadm_words() {
  local line=${COMP_LINE:0:COMP_POINT}
  read -ra words <<<"$line"
  cur=
  [[ $line == *[[:space:]] ]] || cur=${words[-1]}
  [[ -n $cur ]] || words+=('')
}

# Offers words that begin with cur, less what readline takes for finished already.
_ipvsadm_offer() {
  local colons=${cur%"${cur##*:}"}
  mapfile -t COMPREPLY < <(compgen -W "$1" -- "$cur")
  [[ $COMP_WORDBREAKS == *:* && -n $colons ]] && COMPREPLY=("${COMPREPLY[@]#"$colons"}")
}

# The addresses that follow option $2 in the lines of the rules that begin with $1 and hold $3.
_ipvsadm_rules() {
  local -a line
  local i
  while read -ra line; do
    [[ ${line[0]} == "$1" && " ${line[*]} " == *" $3 "* ]] || continue
    for ((i = 1; i < ${#line[@]} - 1; i++)); do
      [[ ${line[i]} == "$2" ]] && echo "${line[i + 1]}"
    done
  done < <(ipvsadm -S -n 2>/dev/null)
}

_ipvsadm() {
  local cur service='' i
  local -a words
  _ipvsadm_words
  local command=${words[1]} previous=${words[-2]}

  if ((${#words[@]} == 2)); then
    _ipvsadm_offer '-A -E -D -C -R -S -a -e -d -L -l -Z -h -v --add-service --edit-service --delete-service --clear
      --restore --save --add-server --edit-server --delete-server --list --zero --set --start-daemon --stop-daemon
      --help --version'
    return
  fi
  for ((i = 2; i < ${#words[@]} - 1; i++)); do
    case ${words[i]} in
      -t | --tcp-service) service="-t ${words[i + 1]}" ;;
      -u | --udp-service) service="-u ${words[i + 1]}" ;;
      -f | --fwmark-service) service="-f ${words[i + 1]}" ;;
      --sctp-service) service="--sctp-service ${words[i + 1]}" ;;
    esac
  done

  case $previous in
    -s | --scheduler) _ipvsadm_offer 'rr wrr lc wlc lblc lblcr dh sh sed nq fo ovf mh twos' ;;
    -t | --tcp-service) [[ $command == -A ]] || _ipvsadm_offer "$(_ipvsadm_rules -A -t "-t")" ;;
    -u | --udp-service) [[ $command == -A ]] || _ipvsadm_offer "$(_ipvsadm_rules -A -u "-u")" ;;
    -f | --fwmark-service) [[ $command == -A ]] || _ipvsadm_offer "$(_ipvsadm_rules -A -f "-f")" ;;
    --sctp-service) [[ $command == -A ]] || _ipvsadm_offer "$(_ipvsadm_rules -A --sctp-service "--sctp-service")" ;;
    -b | --sched-flags) _ipvsadm_offer 'sh-fallback sh-port mh-fallback mh-port flag-1 flag-2 flag-3' ;;
    --tun-type) _ipvsadm_offer 'ipip gue gre' ;;
    -r | --real-server)
      case $command in -e | -d | --edit-server | --delete-server) _ipvsadm_offer "$(_ipvsadm_rules -a -r "$service")" ;; esac ;;
    -w | --weight | -x | --u-threshold | -y | --l-threshold | -M | --netmask | --tun-port) ;;
    --start-daemon | --stop-daemon) _ipvsadm_offer 'master backup' ;;
    *)
      case $command in
        -A | -E | --add-service | --edit-service)
          _ipvsadm_offer '-t -u -f -6 -s -b -p -M -o --tcp-service --udp-service --sctp-service --fwmark-service --ipv6
            --scheduler --sched-flags --persistent --netmask --ops' ;;
        -D | -Z | --delete-service | --zero)
          _ipvsadm_offer '-t -u -f -6 --tcp-service --udp-service --sctp-service --fwmark-service --ipv6' ;;
        -a | -e | --add-server | --edit-server)
          _ipvsadm_offer '-t -u -f -6 -r -g -i -m -w -x -y --tcp-service --udp-service --sctp-service --fwmark-service
            --ipv6 --real-server --gatewaying --ipip --masquerading --fullnat --weight --u-threshold --l-threshold --tun-type
            --tun-port --tun-nocsum --tun-csum --tun-remcsum' ;;
        -d | --delete-server)
          _ipvsadm_offer '-t -u -f -6 -r --tcp-service --udp-service --sctp-service --fwmark-service --ipv6
            --real-server' ;;
        -L* | -l* | --list)
          _ipvsadm_offer '-t -u -f -6 -n -c --sctp-service --fwmark-service --ipv6 --numeric --connection --stats --rate
            --thresholds --persistent-conn --exact --timeout --daemon --tun-info --nosort' ;;
        -S* | --save) _ipvsadm_offer '-n --numeric' ;;
      esac ;;
  esac
}

_ipvsadm_save() {
  local cur
  local -a words
  _ipvsadm_words
  _ipvsadm_offer -n
}

complete -F _ipvsadm ipvsadm
complete -F _ipvsadm_save ipvsadm-save
