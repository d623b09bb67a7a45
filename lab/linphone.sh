# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2154
# How lab/phone runs linphonec (Debian's linphone-cli): without a sound card, told by a FIFO what to do. Sourced by it.

# Linphone takes the network for down, and opens nothing, unless it has a route to far away; none of its own goes there.
linphone_route() { # ADDRESS
  local version=4 device=phone0
  [[ $1 != *:* ]] || version=6
  [ "$place" = branch ] || device=hq0
  ip -n "hf-$place" "-$version" route show table "$host" | grep ^default >/dev/null ||
    ip -n "hf-$place" "-$version" route add default dev "$device" src "$1" table "$host"
}

# Its TLS (mbedTLS 2.28) knows no IP addresses in certificates: the address has to stand there as a DNS name.
# Each telling of keys brings new ones (keep_srtp_keys). Its log has what it sent and got, keys too: tests read them.
write_linphone_config() { # BY TRANSPORT EXPIRES ADDRESS SRTP
  local udp=0 tcp=0 tls=0 version6=0 encryption=none mandatory=0
  case $2 in
    udp) udp=$PHONE_SIP_PORT ;;
    tcp) tcp=$PHONE_SIP_PORT ;;
    tls) tls=$EDGE_TLS_PORT ;;
  esac
  [[ $4 != *:* ]] || version6=1
  [ "$5" = no ] || encryption=srtp
  [ "$5" != only ] || mandatory=1
  cat <<EOT
[sip]
sip_port=$udp
sip_tcp_port=$tcp
sip_tls_port=$tls
bind_address=$4
ipv6_migration_done=1
use_ipv6=$version6
root_ca=$LAB_STATE/tls/line-ca.pem
verify_server_certs=1
verify_server_cn=1
media_encryption=$encryption
media_encryption_mandatory=$mandatory
keep_srtp_keys=0
default_proxy=0
guess_hostname=0

[net]
dns_srv_enabled=0

[rtp]
audio_rtp_port=$rtp_port

[sound]
echocancellation=0

[misc]
add_missing_audio_codecs=0
add_missing_video_codecs=0

[audio_codec_0]
mime=PCMA
rate=8000
channels=1
enabled=1

[proxy_0]
reg_proxy=<sip:$1;transport=$2>
reg_route=<sip:$1;transport=$2;lr>
reg_identity=sip:$user@$CENTRE_DOMAIN
reg_expires=$3
reg_sendregister=1

[auth_info_0]
username=$user
passwd=$password
realm=$CENTRE_DOMAIN
domain=$CENTRE_DOMAIN
EOT
}

# Gives what is to be started in the array command: its standard input is a FIFO that it keeps open itself.
prepare_linphone() { # BY TRANSPORT ANSWER EXPIRES ADDRESS SRTP RTCP_MUX
  local answers=()
  if [ "$1" = none ] || is_gateway; then die 2 "linphone registers always"; fi
  [ "$7" = no ] || die 2 "linphone has no --rtcp-mux"
  [ "$3" = manual ] || answers=(-a)
  linphone_route "$5" || die 1 "cannot give phone $user a route"
  write_linphone_config "$1" "$2" "$4" "$5" "$6" >"$dir/linphonerc"
  mkdir -p "$dir/.local/share/linphone"
  mkfifo "$dir/commands"
  # shellcheck disable=SC2016,SC2034
  command=(env "HOME=$dir" bash -c 'exec "$@" 0<>"$0"' "$dir/commands" stdbuf -oL linphonec -c "$dir/linphonerc"
    -d 6 -l "$dir/log" "${answers[@]}")
}

linphone_begins() {
  local line
  for line in "soundcard use files" "play $dir/tone.wav" "record $dir/rec/dump-0-dec.wav"; do
    echo "$line" >"$dir/commands"
  done
}

# tell_linphone COMMAND [WORD]: one line to it; what baresip and linphonec both do has one name in the lab. The answer
# stands in the log of the process.
tell_linphone() {
  local -A names=([dial]=call [accept]=answer [hangup]=terminate [hold]=pause)
  echo "${names[$1]:-$1}${2:+ $2}" >"$dir/commands"
}
