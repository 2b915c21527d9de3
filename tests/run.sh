#!/bin/bash
# All tests from a clean machine: installs what is missing, builds with warnings as errors, runs
# ctest. Options go to ctest: bash tests/run.sh -L unit, bash tests/run.sh -R resume -V
#
#   CIM_NO_INSTALL=1     the packages are there
#   CIM_TEST_BUILD=DIR   instead of build-test
set -euo pipefail

# shellcheck source=jobs/setup.sh
. "$(dirname "${BASH_SOURCE[0]}")/../jobs/setup.sh"

[ -n "${CIM_NO_INSTALL:-}" ] || cim_install build run test
build=${CIM_TEST_BUILD:-$cim_root/build-test}
cim_say "building in $build"
cim_build "$build" -DCMAKE_BUILD_TYPE=Release -DCIM_WERROR=ON

cim_mpi_environment
export CTEST_PARALLEL_LEVEL=${CTEST_PARALLEL_LEVEL:-$(nproc)}
cim_say "ctest $*"
ctest --test-dir "$build" --output-on-failure "$@" </dev/null
