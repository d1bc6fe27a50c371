#!/usr/bin/env bash
# Trains the weights that ship, each run after those it starts from: a day on two cores.
#
#   packaging/train_weights.sh [sim|all]     all (default) needs PD_ROS_DATA for real_*
#
# The same command goes on where it was stopped; what has ended is left alone. The weights come to
# runs/NAME/model.safetensors, with thresholds and calibration; copy them to pd_ros/weights.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

readonly PYTHON=.venv/bin/python
readonly SIM_RUNS=(sim_teacher_start sim_teacher_scenes sim_teacher
    sim_student_start sim_student_cut sim_student_streets sim_student_travel
    sim_student)
readonly REAL_RUNS=(real_teacher_start real_teacher_views real_teacher_long real_teacher_fine
    real_student_scenes real_student_long)
readonly SIM_SHIPPED=(sim_teacher sim_student)
# judged by what they were not trained on; what ships has seen that, too, and keeps their thresholds
readonly REAL_JUDGED=(real_teacher_fine real_student_long)
readonly REAL_SHIPPED=(real_teacher real_student)

main() {
    local which=${1:-all}
    [[ $# -le 1 && $which =~ ^(sim|all)$ ]] || fail "expected sim or all, got $*"
    [[ $which == sim || -d ${PD_ROS_DATA:-}/corpus ]] ||
        fail "PD_ROS_DATA: expected a folder that holds corpus/, got '${PD_ROS_DATA:-}'"
    packaging/environment.sh run train
    frames train 1800 1
    frames val 60 2
    frames test 60 3
    frames travel 1600 1 --mixture config/mixtures/travel.yaml
    frames travel_val 60 2 --mixture config/mixtures/travel.yaml
    # the real runs start from the simulated ones
    train "${SIM_RUNS[@]}"
    keep "${SIM_SHIPPED[*]}" --data data/sim/val
    [[ $which == all ]] || return 0
    train "${REAL_RUNS[@]}"
    keep "${REAL_JUDGED[*]}" --data "$PD_ROS_DATA/corpus" --files splits.json#dev \
        --drives manifest.json
    train "${REAL_SHIPPED[@]}"
    same_rates real_teacher_fine real_teacher
    same_rates real_student_long real_student
}

fail() { printf 'train_weights: %s\n' "$*" >&2; exit 2; }

# scenes that are there already stay
frames() {
    $PYTHON -m training.simulate frames --out "data/sim/$1" --count "$2" --seed "$3" --workers 2 \
        "${@:4}"
}

train() {
    local run
    for run in "$@"; do $PYTHON -m training.train --config "config/train/$run.yaml"; done
}

# thresholds and calibration, chosen on sweeps that were not trained on
keep() {
    local name names=$1
    shift
    for name in $names; do
        $PYTHON -m training.evaluate --model "runs/$name/model.safetensors" "$@" \
            --keep-operating-point
    done
}

# scores of a last run are others, and thresholds with them
same_rates() {
    $PYTHON packaging/keep_rates.py --judged "runs/$1/model.safetensors" \
        --shipped "runs/$2/model.safetensors" --clouds "$PD_ROS_DATA/corpus/kitti_testing_unlabelled"
}

main "$@"
