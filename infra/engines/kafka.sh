#!/usr/bin/env bash
# kafka: Apache Kafka itself (KRaft, no ZooKeeper), one broker or several on this machine. `start` makes what FOLDER lacks and
# starts the brokers that do not run, so it also brings one back that was stopped or killed. FOLDER holds for each broker N a
# folder N with data, `log` and `pid`; its ports stay the same over restarts. `bootstrap` prints where clients go.
# KAFKA_ADVERTISED=HOST:PORT at the first start makes broker 1 send its clients there: to a proxy, for instance.
# KAFKA_SECURE=FILE, a PEM file of a key and its certificate, with KAFKA_USER and KAFKA_PASSWORD, gives brokers one more
# listener at the first start, TLS with SASL (PLAIN, SCRAM-SHA-512); `secure` prints where its clients go.
set -euo pipefail
# shellcheck source=infra/engines/sources/maven.sh
source "$(dirname "$0")/sources/maven.sh"

kafka() {
    maven_program "$1" kafka 4.1.1 "$(dirname "$0")/sources/kafka.pom.xml"
}

jars() {
    kafka path || {
        printf 'kafka was not fetched: make engines\n' >&2
        return 1
    }
}

usage() {
    printf 'usage: %s fetch | path | start FOLDER [BROKERS] | wait FOLDER [SECONDS] | bootstrap FOLDER | secure FOLDER | stop FOLDER [BROKER] | kill FOLDER [BROKER]\n' "$0" >&2
    exit 2
}

storage_tool() {
    local libs
    libs=$(jars)
    java -cp "$libs/*" -Dorg.slf4j.simpleLogger.defaultLogLevel=warn kafka.tools.StorageTool "$@"
}

# So many free ports, outside the range from which the system gives ports to clients.
free_ports() {
    python3 - "$1" <<'PYTHON'
import random
import socket
import sys
from contextlib import ExitStack

with ExitStack() as held:
    ports = []
    while len(ports) < int(sys.argv[1]):
        port = random.SystemRandom().randrange(20_000, 30_000)
        try:
            held.enter_context(socket.socket()).bind(("127.0.0.1", port))
        except OSError:
            continue
        ports.append(str(port))
print("\n".join(ports))
PYTHON
}

configure() {
    local folder=$1 brokers=$2 node voters='' advertised scram=()
    mapfile -t ports < <(free_ports $((3 * brokers)))
    for ((node = 1; node <= brokers; node++)); do
        voters+=${voters:+,}$node@127.0.0.1:${ports[brokers + node - 1]}
    done
    local copies=$((brokers < 3 ? brokers : 3))
    for ((node = 1; node <= brokers; node++)); do
        advertised=127.0.0.1:${ports[node - 1]}
        [ "$node" = 1 ] && advertised=${KAFKA_ADVERTISED:-$advertised}
        mkdir -p "$folder/$node"
        cat >"$folder/$node/server.properties" <<PROPERTIES
process.roles=broker,controller
node.id=$node
controller.quorum.voters=$voters
listeners=CLIENTS://127.0.0.1:${ports[node - 1]},CONTROLLER://127.0.0.1:${ports[brokers + node - 1]}
advertised.listeners=CLIENTS://$advertised
listener.security.protocol.map=CLIENTS:PLAINTEXT,CONTROLLER:PLAINTEXT
controller.listener.names=CONTROLLER
inter.broker.listener.name=CLIENTS
broker.heartbeat.interval.ms=500
broker.session.timeout.ms=3000
log.dirs=$folder/$node/data
auto.create.topics.enable=false
group.initial.rebalance.delay.ms=0
default.replication.factor=$copies
min.insync.replicas=$((copies < 2 ? 1 : copies - 1))
offsets.topic.num.partitions=4
offsets.topic.replication.factor=$copies
transaction.state.log.num.partitions=4
transaction.state.log.replication.factor=$copies
transaction.state.log.min.isr=1
share.coordinator.state.topic.num.partitions=1
share.coordinator.state.topic.replication.factor=$copies
share.coordinator.state.topic.min.isr=1
PROPERTIES
        [ -z "${KAFKA_SECURE:-}" ] || secured "${ports[2 * brokers + node - 1]}" "$folder/$node/server.properties"
    done
    [ -z "${KAFKA_SECURE:-}" ] ||
        scram=(--add-scram "SCRAM-SHA-512=[name=${KAFKA_USER:?},password=${KAFKA_PASSWORD:?}]")
    storage_tool random-uuid >"$folder/cluster"
    for ((node = 1; node <= brokers; node++)); do
        storage_tool format -t "$(cat "$folder/cluster")" -c "$folder/$node/server.properties" \
            "${scram[@]}" >"$folder/$node/format.log" 2>&1 || {
            cat "$folder/$node/format.log" >&2
            return 1
        }
    done
    printf '%s\n' "$brokers" >"$folder/brokers"
}

# Adds the listener of port $1 to the properties $2.
secured() {
    local name=listener.name.secure module=org.apache.kafka.common.security
    sed -i -e "s/^listeners=.*/&,SECURE:\/\/127.0.0.1:$1/" -e "s/^advertised.listeners=.*/&,SECURE:\/\/127.0.0.1:$1/" \
        -e 's/^listener.security.protocol.map=.*/&,SECURE:SASL_SSL/' "$2"
    cat >>"$2" <<PROPERTIES
$name.ssl.keystore.type=PEM
$name.ssl.keystore.location=$KAFKA_SECURE
$name.sasl.enabled.mechanisms=PLAIN,SCRAM-SHA-512
$name.plain.sasl.jaas.config=$module.plain.PlainLoginModule required user_${KAFKA_USER:?}="${KAFKA_PASSWORD:?}";
$name.scram-sha-512.sasl.jaas.config=$module.scram.ScramLoginModule required;
PROPERTIES
}

# Whether broker folder $1 has a process, and it is a Kafka: an identifier may be another's by now.
runs() {
    [ -f "$1/pid" ] && ps -ww -o args= -p "$(cat "$1/pid")" | grep -qF "kafka.Kafka $1/"
}

start() {
    local folder=$1 brokers=$2 node libs
    mkdir -p "$folder"
    folder=$(cd "$folder" && pwd)
    libs=$(jars)
    [ -f "$folder/brokers" ] || configure "$folder" "$brokers"
    for ((node = 1; node <= $(cat "$folder/brokers"); node++)); do
        runs "$folder/$node" && continue
        [ ! -f "$folder/$node/log" ] || mv -f "$folder/$node/log" "$folder/$node/log.before"
        setsid java -Xms64m -Xmx512m -XX:+UseSerialGC -cp "$libs/*" \
            -Dorg.slf4j.simpleLogger.defaultLogLevel=warn -Dorg.slf4j.simpleLogger.showDateTime=true \
            -Dorg.slf4j.simpleLogger.log.kafka.server.KafkaRaftServer=info \
            kafka.Kafka "$folder/$node/server.properties" </dev/null >"$folder/$node/log" 2>&1 &
        printf '%s\n' "$!" >"$folder/$node/pid"
        # Whoever looks before the process is what it will be takes the broker for gone.
        until runs "$folder/$node" || ! kill -0 "$!" 2>/dev/null; do sleep 0.05; done
    done
}

await() {
    local folder node until=$((SECONDS + $2))
    folder=$(cd "$1" && pwd)
    for ((node = 1; node <= $(cat "$folder/brokers"); node++)); do
        until grep -qs 'Kafka Server started' "$folder/$node/log"; do
            if ! runs "$folder/$node" || [ "$SECONDS" -ge "$until" ]; then
                tail -n 20 "$folder/$node/log" >&2
                return 1
            fi
            sleep 0.1
        done
    done
}

bootstrap() {
    sed -n "s/^advertised.listeners=.*$2:\/\/\([^,]*\).*/\1/p" "$1"/*/server.properties | paste -sd, -
}

# Ends one broker, or all of them at once, by signal $2; one that is still there after ten seconds is killed.
end() {
    local folder brokers=() one until
    [ -d "$1" ] || return 0
    folder=$(cd "$1" && pwd)
    for one in "$folder"/${3:-*}/; do
        one=${one%/}
        runs "$one" && brokers+=("$one") && kill "-$2" "$(cat "$one/pid")"
    done
    until=$((SECONDS + 10))
    for one in "${brokers[@]}"; do
        while runs "$one"; do
            [ "$SECONDS" -lt "$until" ] || kill -KILL "$(cat "$one/pid")" || true
            sleep 0.1
        done
    done
}

case ${1:-} in
fetch | path) kafka "$1" ;;
start) start "${2:?folder}" "${3:-1}" ;;
wait) await "${2:?folder}" "${3:-60}" ;;
bootstrap) bootstrap "${2:?folder}" CLIENTS ;;
secure) bootstrap "${2:?folder}" SECURE ;;
stop) end "${2:?folder}" TERM "${3:-}" ;;
kill) end "${2:?folder}" KILL "${3:-}" ;;
*) usage ;;
esac
