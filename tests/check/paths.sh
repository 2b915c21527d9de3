#!/bin/bash
# No paths of somebody's machine in the repository.
. "$(dirname "$0")/lib.sh"

# Written with brackets so that this file does not match itself.
pattern='/[w]ork/(main|shared)|/[h]ome/[a-z]|/[r]oot/|/[U]sers/[A-Za-z]|[C]:\\\\Users'
while IFS= read -r hit; do
    complain "$hit"
done < <(project_files '*' | grep -vE '\.(onnx|npy|h5|png|bin)$' | tr '\n' '\0' |
    xargs -0 grep -nIE "$pattern" | cut -c1-160)
finish
