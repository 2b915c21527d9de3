#!/bin/bash
# Folders depend in one direction only, third-party headers stay in one room each, includes are
# relative to the project's root, and no header has a name that hides one of the system.
. "$(dirname "$0")/lib.sh"

# What a folder may include; "hwspace/base" is written "base".
allowed() {
    case $1 in
    base) echo "base" ;;
    hwspace) echo "hwspace base" ;;
    costmodel) echo "costmodel hwspace base" ;;
    sched) echo "sched costmodel hwspace base" ;;
    analysis) echo "analysis base" ;;
    search) echo "search sched analysis costmodel hwspace base" ;;
    jobs) echo "jobs search sched analysis costmodel hwspace base" ;;
    tests) echo "tests jobs search sched analysis costmodel hwspace base" ;;
    *) echo "" ;;
    esac
}

folder_of() {
    case $1 in
    hwspace/base/*) echo base ;;
    */*) echo "${1%%/*}" ;;
    *) echo top ;;
    esac
}

# Header pattern, and the files that may include it (tests may include what they test against).
rooms='
^mpi\.h$                          ^(search/[^/]*_mpi\.[ch]|jobs/main[^/]*\.c)$
^(hdf5|H5[A-Za-z]*)\.h$           ^analysis/store_h5[^/]*\.[ch]$
^(cjson/)?cJSON\.h$               ^hwspace/base/json\.c$
^gsl/                             ^(hwspace/base/rng\.c|hwspace/sampler[^/]*\.c|analysis/[^/]*\.c)$
^protobuf-c/                      ^sched/import_onnx[^/]*\.c$
^sched/onnx\.pb-c\.h$             ^sched/import_onnx[^/]*\.c$
^muParserDLL\.h$                  ^hwspace/expr\.c$
^xxhash\.h$                       ^hwspace/base/hash\.c$
^cmocka\.h$                       ^tests/
'

check_quoted() { # FILE LINE HEADER
    local from to
    case $3 in
    sched/onnx.pb-c.h) ;; # generated
    ../* | ./* | */../*) complain "$1:$2: \"$3\" is not relative to the project's root" ;;
    */*) [ -f "$3" ] || complain "$1:$2: \"$3\" does not exist in the project" ;;
    *) complain "$1:$2: \"$3\" is not relative to the project's root" ;;
    esac
    from=$(folder_of "$1") to=$(folder_of "$3")
    case " $(allowed "$from") " in
    *" $to "*) ;;
    *) complain "$1:$2: $from must not include $to (\"$3\")" ;;
    esac
}

check_room() { # FILE LINE HEADER
    local header room
    while read -r header room; do
        [ -n "$header" ] || continue
        if [[ $3 =~ $header ]] && ! [[ $1 =~ $room || $1 == tests/* ]]; then
            complain "$1:$2: $3 belongs into $room"
        fi
    done <<<"$rooms"
}

while IFS=: read -r file line text; do
    if [[ $text =~ ^[[:space:]]*#[[:space:]]*include[[:space:]]*([\"\<])([^\">]+)[\"\>] ]]; then
        header=${BASH_REMATCH[2]}
        [ "${BASH_REMATCH[1]}" = '<' ] || check_quoted "$file" "$line" "$header"
        check_room "$file" "$line" "$header"
    fi
done < <(project_files '*.c' '*.h' | xargs grep -nHE '^[[:space:]]*#[[:space:]]*include')

# sched.h and search.h on an include path break <pthread.h> and <search.h>.
while IFS= read -r file; do
    case $(basename "$file") in
    sched.h | search.h) complain "$file: a header of this name hides one of the system" ;;
    esac
done < <(project_files '*.h')
finish
