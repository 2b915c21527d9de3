# Shared by the Slurm tests: a Slurm of their own with two virtual nodes on this machine, with its
# own munge, ports and files, stopped by its pid files when the test ends. Source it, then call
# slurm_start; it exits with 77 and a reason where that cannot work.
# shellcheck shell=bash
set -eu
: "${CIMDSE:?the cimdse binary}"

skip() { echo "skipped: $*"; exit 77; }
fail() { echo "FAILED: $*"; exit 1; }

work=$(mktemp -d "${TMPDIR:-/tmp}/cimdse-slurm-XXXXXX")
slurm_stop() {
    local name pid
    if [ -n "${SLURM_CONF:-}" ] && [ -f "$work/slurmctld.pid" ]; then
        scancel --user "$(id -un)" 2>/dev/null || true
        sleep 1
    fi
    for name in slurmd-n1 slurmd-n2 slurmctld munged; do
        pid=$(cat "$work/$name.pid" 2>/dev/null) || continue
        kill "$pid" 2>/dev/null || continue
        for _ in $(seq 50); do kill -0 "$pid" 2>/dev/null || break; sleep 0.1; done
        kill -KILL "$pid" 2>/dev/null || true
    done
    rm -rf "$work"
}
trap slurm_stop EXIT

# The daemons write under $work as this user; a private munge keeps the system's out of it.
slurm_start() {
    local program host port n
    PATH=$PATH:/usr/sbin:/sbin
    [ -x "$CIMDSE" ] || skip "$CIMDSE is not built"
    for program in munged mungekey slurmctld slurmd sbatch squeue scontrol mpirun; do
        command -v "$program" >/dev/null || skip "no $program"
    done
    [ "$(nproc)" -ge 1 ] && host=$(hostname -s 2>/dev/null) || skip "the host has no name"
    chmod 755 "$work"
    mkdir -m 700 "$work/munge" "$work/state" "$work/spool"
    mungekey --create --keyfile="$work/munge/key" || skip "mungekey fails"
    # --force: root may run it, and its socket may be in a directory others can read
    munged --force --key-file="$work/munge/key" --socket="$work/munge/socket" \
        --pid-file="$work/munged.pid" --log-file="$work/munge/log" --seed-file="$work/munge/seed" \
        >"$work/munge.out" 2>&1 || { cat "$work/munge.out"; skip "munged does not start"; }
    # Three ports of this test; 17000 to 31999 keep clear of the ephemeral ones.
    port=$((17000 + $$ % 5000 * 3))
    cat >"$work/slurm.conf" <<CONF
ClusterName=cimdse-test
SlurmctldHost=$host(127.0.0.1)
SlurmctldPort=$port
AuthType=auth/munge
# the second: how long a requeued job waits before it starts again
AuthInfo=socket=$work/munge/socket,cred_expire=10
SlurmUser=$(id -un)
SlurmdUser=$(id -un)
StateSaveLocation=$work/state
SlurmdSpoolDir=$work/spool/%n
SlurmctldPidFile=$work/slurmctld.pid
SlurmdPidFile=$work/slurmd-%n.pid
SlurmctldLogFile=$work/slurmctld.log
SlurmdLogFile=$work/slurmd-%n.log
ProctrackType=proctrack/pgid
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
AccountingStorageType=accounting_storage/none
JobAcctGatherType=jobacct_gather/none
ReturnToService=2
MpiDefault=none
SlurmdParameters=config_overrides
SchedulerParameters=sched_interval=2,batch_sched_delay=1
KillWait=5
NodeName=n[1-2] NodeHostname=$host NodeAddr=127.0.0.1 Port=[$((port + 1))-$((port + 2))] CPUs=2 RealMemory=1000
PartitionName=main Nodes=n[1-2] Default=YES MaxTime=INFINITE State=UP
CONF
    export SLURM_CONF=$work/slurm.conf
    # Open MPI: root is allowed, and the two nodes share one machine's memory without knowing it
    export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 OMPI_MCA_btl=self,tcp
    export OMPI_MCA_rmaps_base_oversubscribe=1
    slurmctld >"$work/out" 2>&1 || { cat "$work/out"; skip "slurmctld does not start"; }
    for n in n1 n2; do
        slurmd -N $n >"$work/out" 2>&1 || { cat "$work/out"; skip "slurmd does not start"; }
    done
    for _ in $(seq 100); do
        [ "$(sinfo --noheader --format=%t%D 2>/dev/null)" = idle2 ] && return 0
        sleep 0.2
    done
    tail -5 "$work/slurmctld.log" "$work/slurmd-n1.log" || true
    skip "the virtual nodes do not come up"
}

# wait_job ID SECONDS: until it has left the queue; its state in $state
wait_job() {
    local seconds=0
    while :; do
        state=$(scontrol --oneliner show job "$1" | grep -oE 'JobState=[A-Z_]+' | cut -d= -f2)
        case $state in PENDING | RUNNING | COMPLETING | CONFIGURING | REQUEUED) ;; *) return 0 ;; esac
        [ $((seconds += 1)) -le "$2" ] || fail "job $1 is still $state after $2 s"
        sleep 1
    done
}

# wait_for SECONDS COMMAND...: until it succeeds
wait_for() {
    local left=$(($1 * 5))
    shift
    until "$@"; do
        [ $((left -= 1)) -gt 0 ] || return 1
        sleep 0.2
    done
}
