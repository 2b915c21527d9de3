#!/bin/bash
# clang-format has nothing to change. Versions differ in details, so only the one of the target
# system (Debian 12) counts.
. "$(dirname "$0")/lib.sh"

command -v clang-format >/dev/null || { echo "skipped: no clang-format"; exit 77; }
version=$(clang-format --version | grep -oE '[0-9]+' | head -1)
[ "$version" = 14 ] || { echo "skipped: clang-format $version, the style is checked with 14"; exit 77; }

while IFS= read -r file; do
    first=$(clang-format --dry-run "$file" 2>&1 | grep -m1 'warning:')
    [ -z "$first" ] || complain "${first%%: warning*}: clang-format -i $file"
done < <(project_files '*.c' '*.h')
finish
