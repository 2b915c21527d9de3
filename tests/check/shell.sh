#!/bin/bash
# Shell scripts parse, and shellcheck has nothing to say.
. "$(dirname "$0")/lib.sh"

scripts=()
while IFS= read -r file; do
    scripts+=("$file")
    bash -n "$file" || complain "$file: does not parse"
done < <(project_files '*.sh' '.ci/run')
if command -v shellcheck >/dev/null; then
    # Sourced files are checked on their own (SC1091), so what they set looks unset (SC2154).
    shellcheck -s bash -S warning -e SC1091,SC2154 "${scripts[@]}" || complain "shellcheck"
fi
finish
