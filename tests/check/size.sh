#!/bin/bash
# Files of at most 1,000 lines, functions of at most 100, lines of at most 100 characters in C.
. "$(dirname "$0")/lib.sh"

while IFS= read -r file; do
    lines=$(wc -l <"$file")
    [ "$lines" -le 1000 ] || complain "$file: $lines lines, allowed are 1000"
done < <(project_files '*.c' '*.h' '*.py' '*.sh' '*.md' '*.txt' '*.cmake')

while IFS= read -r file; do
    # A function's braces are alone in the first column.
    long=$(awk '/^\{/ { start = NR } /^\}/ && start { if (NR - start > 101) print FILENAME ":" start
                ": function of " NR - start - 1 " lines, allowed are 100"; start = 0 }' "$file")
    [ -z "$long" ] || complain "$long"
done < <(project_files '*.c' '*.h')
finish
