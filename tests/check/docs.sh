#!/bin/bash
# Exported functions are documented: a prototype in a header stands under a comment, alone, in a
# paragraph of several, or in the paragraph after the documented type it belongs to. Only headers that
# another folder includes count; the others are a folder's own business.
. "$(dirname "$0")/lib.sh"

included_elsewhere() {
    local folder=${1%/*}
    project_files '*.c' '*.h' | grep -v '^tests/' |
        while IFS= read -r f; do [ "${f%/*}" = "$folder" ] || printf '%s\n' "$f"; done |
        xargs grep -lF "#include \"$1\"" >/dev/null
}

while IFS= read -r file; do
    included_elsewhere "$file" || continue
    found=$(awk '
        /^\/\*\*/ { doc = 1; comment = 1 }
        comment { if (/\*\//) comment = 0; next }
        /^\/\*/ { if (!/\*\//) plain = 1; if (!/----/) doc = 1; next }
        plain { if (/\*\//) plain = 0; next }
        /^$/ { if (!type_ended) doc = 0; next }
        { ended = type_ended; type_ended = 0 }
        /^}.*;$/ { type_ended = doc; next }
        /^typedef .*;$/ { type_ended = doc; next }
        /^[a-zA-Z_][A-Za-z0-9_ *]*[ *]cim_[a-z0-9_]+\(/ && !/^(typedef|static|extern|return|#)/ {
            if (!doc) print FILENAME ":" FNR ": no comment says what " $0 }
        ' "$file")
    [ -z "$found" ] || while IFS= read -r line; do complain "$line"; done <<<"$found"
done < <(project_files 'hwspace/*.h' 'costmodel/*.h' 'sched/*.h' 'analysis/*.h' 'search/*.h' 'jobs/*.h')
finish
